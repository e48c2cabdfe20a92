#include "actors/serve/upstream/http2_dial.hpp"
#include "actors/dns/search_domains.hpp"

#include "actors/net/http2_link.hpp"
#include "actors/net/http2_stream.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/setting_text.hpp"
#include "actors/serve/upstream/dial.hpp"
#include "actors/serve/upstream/upstream_name.hpp"

namespace proxy {

namespace {

/// Listens to a link for as long as a flow waits for it.
struct listening {
  listening(http2_link& l, ready_handler& flow) : link(l) { link.belong_to(&flow); }
  listening(const listening&) = delete;
  ~listening() { link.belong_to(nullptr); }
  http2_link& link;
};

/// Why nothing came of a new link, in its own words where it has some.
caf::error why_over(http2_link& link, std::string otherwise) {
  if (!link.tls_fault().empty())
    return caf::make_error(errc::tls_handshake, link.tls_fault());
  auto words = link.session().end_words();
  return caf::make_error(link.session().wants_http1() ? errc::http1_required : errc::bad_response,
                         words.empty() ? std::move(otherwise) : std::move(words));
}

/// Whose window a stream of an upstream shares in.
void read_for_client(client_session& c, upstream& opened) {
  if (c.client.stream() && opened.io.stream())
    opened.io.stream()->read_for(*c.client.stream());
}

} // namespace

bool needs_tunnel(const exchange& ex) noexcept {
  return ex.target.in_tunnel || ex.upgrade || ex.target.protocol != policy::protocol::http;
}

upstream_key key_of(const exchange& ex) {
  upstream_key key{ex.target.tls(), question_for(ex.target.host), ex.target.port, name_of(ex.via)};
  // The origin is at the other end of one, the upstream proxy of the other: what is written for one
  // must not reach the other.
  if (ex.via && !ex.target.tls() && needs_tunnel(ex))
    key.via += " tunnel";
  return key;
}

tls::alpn protocols_for(const client_end& c, const exchange& ex) {
  if (!ex.target.tls())
    return tls::alpn::http1;
  auto known = c.shard.pool.speaks(key_of(ex));
  if (known == origin_protocol::http2)
    return tls::alpn::h2;
  // A WebSocket needs a connection of its own, as nearly every server has it, and so does a login
  // that holds for a connection.
  auto may_share =
    c.client.stream() && !ex.upgrade && !ex.logs_in && known != origin_protocol::http1;
  return may_share ? tls::alpn::either : tls::alpn::http1;
}

task<caf::expected<std::unique_ptr<upstream>>> settle_protocol(client_session& c,
                                                               const exchange& ex,
                                                               std::unique_ptr<upstream> dialled,
                                                               tls::alpn offer) {
  if (!ex.target.tls() || dialled->io.protocol() != "h2") {
    if (offer == tls::alpn::either)
      c.shard.pool.note(dialled->key, origin_protocol::http1);
    co_return std::move(dialled);
  }
  dialled->io.keep_alive();
  auto& io = dialled->io;
  auto link =
    std::make_shared<http2_link>(c.shard.loop, std::shared_ptr<const upstream>{std::move(dialled)},
                                 io, limits_of(c.shard.config().limits));
  auto& session = link->session();
  link->start();
  {
    listening until_ready{*link, c.wakes};
    auto deadline = c.in(c.timeouts().tls_handshake);
    while (!session.is_ready()) {
      if (link->is_over())
        co_return why_over(*link, "the upstream agreed on HTTP/2 and did not speak it");
      auto late = "the upstream, which has agreed on HTTP/2, did not speak it within " +
                  setting_text("timeouts.tls_handshake", c.timeouts().tls_handshake);
      if (auto err = co_await wait_dialling(c, ex, deadline, late))
        co_return std::move(err);
    }
  }
  if (ex.upgrade && !session.takes_websockets())
    co_return caf::make_error(
      errc::bad_response, std::string{"the upstream speaks HTTP/2 only, and no WebSocket over it"});
  std::unique_ptr<upstream> opened;
  if (auto fresh = ex.granted->look(c.shard.policy))
    opened = open_stream(*fresh, link, c.wakes);
  else
    co_return caf::make_error(errc::policy_changed,
                              std::string{"the policy changed while dialling"});
  if (!opened)
    co_return why_over(*link, "the upstream takes no stream on a new connection");
  read_for_client(c, *opened);
  if (!ex.logs_in) // who logs in on a connection has it alone
    c.shard.pool.share(std::move(link));
  co_return std::move(opened);
}

task<> wait_for_dialling(client_end& c, const upstream_key& key) {
  auto dial = c.shard.pool.dial_under_way(key);
  if (!dial)
    co_return;
  auto deadline = c.in(c.timeouts().connect + c.timeouts().tls_handshake);
  co_await await_dial(std::move(dial), c.wakes, deadline, c.client);
}

std::unique_ptr<upstream> take_kept(client_session& c, const fresh_pass& fresh,
                                    const upstream_key& key) {
  auto& pool = c.shard.pool;
  auto known = key.tls ? pool.speaks(key) : origin_protocol::http1;
  if (known == origin_protocol::http2 || (c.client.stream() && known == origin_protocol::unknown))
    if (auto opened = pool.take_stream(fresh, key, c.wakes)) {
      read_for_client(c, *opened);
      return opened;
    }
  return pool.take(fresh, key, c.wakes);
}

} // namespace proxy
