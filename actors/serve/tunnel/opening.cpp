#include "actors/serve/tunnel/opening.hpp"

#include "actors/loop/task/ask.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/setting_text.hpp"
#include "protocols/first_bytes.hpp"

namespace proxy {

namespace {

/// The certificate to show, from the shard's cache or from the CA.
task<caf::expected<tls::leaf_ptr>> find_leaf(client_session& c, const host& name,
                                             tls::leaf_cache& kept) {
  auto by = c.shard.policy->ca;
  if (!by)
    co_return caf::make_error(errc::cancelled, std::string{"interception was switched off"});
  auto now = c.shard.loop.wall();
  auto& counted = c.shard.counters.leaf_certificates;
  if (auto known = kept.find(*by, name, now)) {
    ++counted[leaf_result::cached];
    co_return known;
  }
  auto minted = co_await ask<tls::leaf_ptr>(&c.self, c.wakes, c.in(c.timeouts().tls_handshake),
                                            c.shard.ca, atom::mint_v, by, name);
  ++counted[minted ? leaf_result::minted : leaf_result::failed];
  if (minted)
    kept.put(name, *minted);
  co_return std::move(minted);
}

} // namespace

bool tell(client_end& c, opening& out, bool over) {
  switch (tell_first_bytes(c.reader.pending, over)) {
    case first_bytes::undecided: return false;
    case first_bytes::http: out.what = opening::kind::http; return true;
    case first_bytes::other: out.what = opening::kind::other; return true;
    case first_bytes::wrapped: out.what = opening::kind::unclear; return true;
    case first_bytes::tls: break;
  }
  auto decoded = decode_client_hello(c.reader.pending);
  if (!decoded) {
    out.what = opening::kind::unclear;
    return true;
  }
  if (!*decoded)
    return over; // gone within its hello
  out.what = opening::kind::hello;
  out.hello = std::move((*decoded)->value);
  return true;
}

io_result take_more(client_end& c) {
  auto buffer = c.shard.loop.scratch().first(first_read_size);
  auto got = c.client.read(buffer);
  if (got.ok())
    c.reader.pending.append(buffer.data(), got.size);
  return got;
}

namespace {

/// Shakes hands with a client whose hello is in `c.reader.pending`.
task<caf::error> shake_hands(client_end& c, tls::leaf_ptr leaf) {
  auto session =
    c.client.begin_tls(*c.shard.process->tls_server, *leaf, std::exchange(c.reader.pending, {}),
                       {.accept = tls::alpn::either});
  if (!session)
    co_return caf::make_error(errc::system, std::string{"cannot start TLS"});
  measured_handshake measured{c.shard, tls_side::client};
  auto deadline = c.in(c.timeouts().tls_handshake);
  for (;;) {
    switch (c.client.shake_hands(session, tls::accept_step)) {
      case tls::step::done: measured.succeeded(); co_return caf::none;
      case tls::step::want_read:
      case tls::step::want_write: break;
      default: co_return tls::accept_error(*session);
    }
    if (c.client.dead())
      co_return caf::make_error(errc::closed,
                                std::string{"the client closed within the handshake"});
    auto in_time = co_await c.wakes.until(deadline);
    if (!in_time)
      co_return caf::make_error(
        errc::request_timeout,
        "the client's TLS handshake took longer than " +
          setting_text("timeouts.tls_handshake", c.timeouts().tls_handshake));
  }
}

} // namespace

task<caf::error> accept_tls(client_session& c, const host& name, tls::leaf_cache& known) {
  auto leaf = co_await find_leaf(c, name, known);
  if (!leaf)
    co_return std::move(leaf.error());
  co_return co_await shake_hands(c, std::move(*leaf));
}

} // namespace proxy
