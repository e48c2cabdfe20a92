#define CAF_SUITE actors.serve.decide.pass
#include "actors/serve/decide/pass.hpp" // unit under test

#include "actors/serve/exchange/transfer.hpp"
#include "actors/serve/socks5/udp_targets.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "actors/serve/upstream/dial.hpp"
#include "actors/serve/upstream/http2_dial.hpp"
#include "tests/actors/granting.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

// What opens a connection, takes one, sends a head, opens a tunnel takes a fresh pass, and takes no
// other. That these are errors of the compiler `must_not_compile/` shows.

namespace {

template <class By>
concept connects = requires(client_session& c, By& by, upstream& u) {
  begin_connect(c, by, u, 1);
};
template <class By>
concept begins_tls = requires(client_session& c, By& by, upstream& u, const host& name) {
  begin_tls(c, by, u, name, 1, tls::alpn::http1);
};
template <class By>
concept takes_a_kept_connection = requires(upstream_pool& pool, By& by, const upstream_key& key,
                                           ready_handler& flow) {
  pool.take(by, key, flow);
};
template <class By>
concept takes_a_login = requires(login_connections& of, By& by, const upstream_key& key,
                                 ready_handler& flow) {
  of.take(by, key, "", flow);
};
template <class By>
concept takes_a_shared_stream = requires(upstream_pool& pool, By& by, const upstream_key& key,
                                         ready_handler& flow) {
  pool.take_stream(by, key, flow);
};
template <class By>
concept opens_a_stream = requires(By& by, const std::shared_ptr<http2_link>& link,
                                  ready_handler& flow) {
  open_stream(by, link, flow);
};
template <class By>
concept sends_a_head = requires(transfer& t, By& by) {
  t.begin(by);
};
template <class By>
concept opens_a_tunnel = requires(client_session& c, exchange& x, By& by,
                                  std::unique_ptr<upstream> server) {
  admit_tunnel(c, x, by, std::move(server));
};
template <class By>
concept opens_a_tunnel_to_read = requires(client_session& c, exchange& x, By& by,
                                          std::unique_ptr<upstream> server) {
  intercept(c, x, by, std::move(server));
};
template <class By>
concept keeps_a_read_tunnel = requires(const interception& of, By& by) {
  admit_interception(of, by);
};
template <class By>
concept opens_a_udp_target = requires(udp_targets& among, udp_target& t, By& by) {
  among.open(t, by);
};
template <class By>
concept moves_a_udp_target = requires(udp_targets& among, udp_target& t, By& by) {
  among.move_on(t, 1, by);
};
template <class By>
concept vets = requires(By& by, std::vector<ip_address> to) {
  policy::vet(by, policy::asker{}, to);
};

template <class By>
constexpr int doors_open =
  connects<By> + begins_tls<By> + takes_a_kept_connection<By> + takes_a_login<By> +
  takes_a_shared_stream<By> + opens_a_stream<By> + sends_a_head<By> + opens_a_tunnel<By> +
  opens_a_tunnel_to_read<By> + keeps_a_read_tunnel<By> + opens_a_udp_target<By> +
  moves_a_udp_target<By> + vets<By>;

static_assert(doors_open<const fresh_pass> == 13);
static_assert(doors_open<pass> == 0);
static_assert(doors_open<policy::permit> == 0);
static_assert(doors_open<const fresh_socket_pass> == 1 && sends_a_head<const fresh_socket_pass>);
static_assert(doors_open<socket_pass> == 0);

// Whoever has a fresh pass has got it from a pass a moment ago.
static_assert(!std::is_copy_constructible_v<fresh_pass> &&
              !std::is_move_constructible_v<fresh_pass>);

// And no coroutine is handed one, by whatever way.
template <class... Args>
concept may_be_a_coroutine = requires {
  typename std::coroutine_traits<task<>, Args...>::promise_type;
};
static_assert(may_be_a_coroutine<client_session&, pass> && may_be_a_coroutine<pass&> &&
              may_be_a_coroutine<>);
static_assert(!may_be_a_coroutine<client_session&, const fresh_pass&>);
static_assert(!may_be_a_coroutine<fresh_pass&&, int>);
static_assert(!may_be_a_coroutine<pass::renewed&>);
static_assert(!may_be_a_coroutine<std::optional<fresh_pass>&>);
static_assert(!may_be_a_coroutine<const fresh_socket_pass&>);

} // namespace

CAF_TEST(a pass holds its whole snapshot) {
  granting now;
  std::weak_ptr<const snapshot> then = now.in_force;
  now.in_force = granting::policy_of(1);
  CAF_CHECK(!now.fresh());
  CAF_REQUIRE(!then.expired());
  CAF_CHECK_EQUAL(now.granted->rule()->text, "*.example");
  auto renewed = now.granted->renew(now.in_force, {});
  CAF_REQUIRE(std::holds_alternative<fresh_pass>(renewed));
  CAF_CHECK_EQUAL(std::get<fresh_pass>(renewed).snapshot().generation, 1u);
  CAF_CHECK(then.expired());
}
