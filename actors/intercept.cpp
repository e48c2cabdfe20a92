#include "actors/intercept.hpp"

#include "actors/loop/ask.hpp"
#include "actors/upstream_name.hpp"
#include "policy/inner.hpp"

namespace proxy {

namespace {

/// How long a client may say nothing before a tunnel that is only looked at goes on unread: in some
/// protocols the server speaks first.
constexpr std::chrono::seconds first_word_time{1};

/// One read of a client hello; most fit.
constexpr size_t hello_read_size = 4096;

/// What a client's first bytes are.
enum class first_bytes : uint8_t { tls, other, none };

struct hello_read {
  first_bytes what = first_bytes::none;
  client_hello hello;
};

/// Reads the client's first message into `c.pending`, where it stays.
task<> read_hello(connection& c, hello_read& out) {
  auto must_read = policy::judge_unreadable(*c.shard.policy->rules, c.inside->tunnel.to());
  auto begun = c.shard.loop.now();
  for (;;) {
    if (!c.pending.empty()) {
      auto decoded = decode_client_hello(c.pending);
      if (!decoded) {
        out.what = first_bytes::other;
        co_return;
      }
      if (*decoded) {
        out.what = first_bytes::tls;
        out.hello = std::move((*decoded)->value);
        co_return;
      }
    }
    std::chrono::milliseconds patience = c.timeouts().tls_handshake;
    if (c.pending.empty() && !must_read)
      patience = std::min<std::chrono::milliseconds>(patience, first_word_time);
    while (!c.client.may_read()) {
      if (c.client.dead() || (c.draining && c.pending.empty()))
        co_return;
      auto in_time = co_await c.wakes.until(begun + patience);
      if (!in_time)
        co_return;
    }
    auto buffer = c.shard.loop.scratch().first(hello_read_size);
    auto got = c.client.read(buffer);
    if (got.blocked())
      continue;
    if (!got.ok())
      co_return;
    c.pending.append(buffer.data(), got.size);
  }
}

/// The certificate to show, from the shard's cache or from the CA.
task<caf::expected<tls::leaf_ptr>> find_leaf(connection& c, const host& name) {
  auto by = c.shard.policy->ca;
  if (!by)
    co_return caf::make_error(errc::cancelled, std::string{"interception was switched off"});
  auto now = std::chrono::system_clock::now();
  if (auto known = c.shard.leaves.find(*by, name, now))
    co_return known;
  auto minted = co_await ask<tls::leaf_ptr>(&c, c.wakes, c.in(c.timeouts().tls_handshake),
                                            c.shard.ca, atom::mint_v, by, name);
  if (minted)
    c.shard.leaves.put(name, *minted);
  co_return std::move(minted);
}

/// Answers the handshake that begins with `c.pending`; from then on the client's bytes come
/// decrypted.
task<caf::error> accept_tls(connection& c, const host& name) {
  auto leaf = co_await find_leaf(c, name);
  if (!leaf)
    co_return std::move(leaf.error());
  auto session = c.shard.process->tls_server->session(
    **leaf, c.client.raw.descriptor(), std::exchange(c.pending, {}), {.accept = tls::alpn::either});
  if (!session)
    co_return caf::make_error(errc::system, std::string{"cannot start TLS"});
  auto deadline = c.in(c.timeouts().tls_handshake);
  for (;;) {
    switch (tls::accept_step(*session)) {
      case tls::step::done: c.client.secure(std::move(session)); co_return caf::none;
      case tls::step::want_read: c.client.raw.met_read_block(); break;
      case tls::step::want_write: c.client.raw.met_write_block(); break;
      default: co_return tls::accept_error(*session);
    }
    if (c.client.dead())
      co_return caf::make_error(errc::closed,
                                std::string{"the client closed within the handshake"});
    auto in_time = co_await c.wakes.until(deadline);
    if (!in_time)
      co_return caf::make_error(errc::request_timeout,
                                std::string{"the client's TLS handshake took too long"});
  }
}

/// Ends a tunnel whose client does not speak TLS, or lets it go on unread when nobody has to read
/// it.
task<after> go_on_unread(connection& c, exchange& x) {
  if (auto denial = policy::judge_unreadable(*c.shard.policy->rules, x.target)) {
    (void)c.shard.refused(*denial, x.target, c);
    c.end = ending::refused;
    c.linger = true;
    co_return after::close;
  }
  auto rules = std::move(c.inside->under); // of the permit
  auto by = std::move(c.inside->tunnel);
  c.inside.reset();
  c.server = std::move(c.ahead);
  // One that was dialled under an older policy has to be vetted again.
  if (!c.server || c.server->generation != c.shard.policy->generation) {
    c.server.reset();
    exchange again;
    again.target = x.target;
    again.via = x.via;
    again.under = x.under;
    auto next = after::close;
    c.server = co_await reach(c, again, by, next);
    if (!c.server)
      co_return after::close;
  }
  admit_tunnel(c, by);
  co_return after::tunnel;
}

void log_failure(connection& c, const host& name, const caf::error& why) {
  if (code_of(why) == errc::closed)
    return;
  c.shard.log().warn("msg=client_tls_failed host={} client={} cause=\"{}\"", name.text(),
                     c.from.str(), context_of(why));
}

/// The path of a request head, without its query.
std::string_view path_of(std::string_view head) {
  auto target = head.substr(std::min(head.find(' ') + 1, head.size()));
  target = target.substr(0, target.find(' '));
  if (auto scheme = target.find("://"); scheme != std::string_view::npos && target[0] != '/')
    target = target.substr(std::min(target.find('/', scheme + 3), target.size()));
  return target.substr(0, target.find('?'));
}

} // namespace

void log_exchange(const connection& c, const exchange& x, uint16_t status, exchange_size size) {
  auto limit = c.shard.config().mitm.max_body_bytes;
  c.shard.log().info("msg=inspected host={} port={} method={} path={} status={} request_bytes={} "
                     "request_truncated={} response_bytes={} response_truncated={} client={}",
                     x.target.host.text(), x.target.port, x.target.method, path_of(x.received),
                     status, size.request, size.request > limit, size.response,
                     size.response > limit, c.from.str());
}

task<after> intercept(connection& c, exchange& x, policy::permit permit) {
  auto next = after::close;
  // The upstream is dialled first, so that an unreachable one is what CONNECT answers. A kept
  // connection is proof enough that it can be reached.
  x.intercepted = true;
  upstream_key key{true, x.target.host.text(), x.target.port, name_of(x.via)};
  auto tunnel = permit;
  if (!c.shard.pool.has(key)) {
    c.ahead = co_await reach(c, x, std::move(permit), next);
    if (!c.ahead)
      co_return next;
  }
  c.inside = std::make_unique<interception>(std::move(tunnel), x.under);
  admit_interception(c);
  auto sent = co_await send_to_client(c, tunnel_established);
  if (!sent)
    co_return after::close;
  hello_read read;
  co_await read_hello(c, read);
  if (read.what == first_bytes::none && c.pending.empty() &&
      !policy::judge_unreadable(*c.shard.policy->rules, x.target) && !c.client.dead())
    read.what = first_bytes::other; // silent: the server may be the one to speak first
  if (read.what == first_bytes::other)
    co_return co_await go_on_unread(c, x);
  if (read.what == first_bytes::none) {
    c.end = c.client.dead() ? ending::client_gone : ending::idle;
    co_return after::close;
  }
  const auto& name = c.inside->tunnel.to().host;
  if (auto err = policy::check_server_name(name, read.hello.server_name))
    c.inside->misdirected = context_of(err);
  if (auto err = co_await accept_tls(c, name)) {
    log_failure(c, name, err);
    c.end = code_of(err) == errc::closed ? ending::client_gone : ending::fault;
    co_return after::close;
  }
  co_return c.client.protocol() == "h2" ? after::streams : after::next_request;
}

} // namespace proxy
