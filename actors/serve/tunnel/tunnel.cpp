#include "actors/serve/tunnel/tunnel.hpp"

#include <algorithm>
#include <array>

#include "actors/dns/search_domains.hpp"
#include "actors/net/pump.hpp"
#include "actors/serve/answer/answers.hpp"
#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/upstream/route.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "protocols/ascii.hpp"

namespace proxy {

namespace {

/// One direction of a tunnel: bytes, then the end of stream.
struct direction {
  pump bytes;
  bool ended = false; ///< All bytes were passed on.
  bool over = false;  ///< And the end of stream.

  enum class outcome : uint8_t { wait, again, failed };

  /// @param last  The other direction is over: closing will say so, without a call of its own.
  [[nodiscard]] outcome run(event_loop& loop, transport& from, transport& to, bool last) {
    if (!ended)
      switch (bytes.run(loop, from, to)) {
        case pump::status::busy: return outcome::again;
        case pump::status::source_ended: ended = true; break;
        case pump::status::blocked: return outcome::wait;
        default: return outcome::failed;
      }
    if (!over)
      over =
        last || to.shutdown_write(); // in TLS the end is a record, for which there is room or not
    return outcome::wait;
  }
};

} // namespace

void remember_admission(client_session& c, const exchange& ex) {
  if (!c.shard.config().log.access || c.enclosing_tunnel())
    return;
  c.last_admitted =
    std::make_unique<admission>(pass{ex.granted->grant(), ex.granted->snapshot()}); // not its head
  c.turned_down.reset();
}

state::tunnel& admit_tunnel(client_session& c, exchange& ex, const fresh_pass&,
                            std::unique_ptr<upstream> server, bool switched) {
  // An idle tunnel holds no head that says nothing.
  if (!switched)
    ex.spare = ex.granted->take_head();
  state::tunnel next;
  next.admitted_by = std::make_unique<admission>(*std::exchange(ex.granted, std::nullopt));
  // What has switched was judged as a request, and is by its head when another policy comes.
  next.admitted_by->where.reading = switched ? policy::reading::done : policy::reading::none;
  if (server->key.via.empty()) {
    next.admitted_by->where.connected = server->address;
    next.admitted_by->where.found_as = server->found_as;
  }
  next.server = std::move(server);
  // What a request inside has become stands with the tunnel that it came in.
  auto* around = c.in_state<state::intercepted>();
  if (around && switched)
    next.enclosing = std::move(around->what);
  c.last_admitted.reset();
  c.turned_down.reset();
  return c.enter(std::move(next));
}

std::unique_ptr<admission> admit_interception(const interception& of, const fresh_pass&) {
  // By name: which address the next request goes to is vetted when it is dialled.
  auto admitted = std::make_unique<admission>(of.tunnel);
  admitted->where.reading = policy::reading::done;
  return admitted;
}

task<after> connect_tunnel(client_session& c, exchange& ex) {
  std::unique_ptr<upstream> server;
  // The upstream is dialled first, so that an unreachable one is what CONNECT answers. For a tunnel
  // that is read, a kept connection is proof enough that it can be server; SOCKS has to name an
  // address.
  upstream_key kept{true, question_for(ex.target.host), ex.target.port, name_of(ex.via)};
  if (ex.target.protocol == policy::protocol::https_connect &&
      policy::is_read(*ex.granted->snapshot()->rules, ex.target) && c.shard.pool.has(kept)) {
    record_admission(c, ex);
  } else {
    auto next = after::close;
    server = co_await connect_upstream(c, ex, next);
    if (!server)
      co_return next;
  }
  auto renewed = renew(c, ex);
  if (auto* denial = std::get_if<policy::denial>(&renewed))
    co_return co_await refuse(c, ex, *denial);
  const auto& fresh = std::get<fresh_pass>(renewed);
  // By the policy of now, which may have come while it was dialled.
  if (policy::is_read(*fresh.snapshot().rules, ex.target))
    co_return intercept(c, ex, fresh, std::move(server));
  admit_tunnel(c, ex, fresh, std::move(server));
  co_return after::tunnel;
}

task<after> open_tunnel(client_session& c, exchange& ex) {
  auto next = co_await connect_tunnel(c, ex);
  if (next == after::tunnel || next == after::first_bytes) {
    c.say_first(std::string{tunnel_established});
    if (c.spans)
      c.spans->answer(200);
  }
  co_return next;
}

namespace {

/// How long a tunnel is silent before it is kept alive: most are over sooner, and go without the
/// system calls.
constexpr std::chrono::milliseconds first_silence{1'000};

/// Whether bytes may be the beginning of an HTTP response.
bool may_be_response(std::string_view bytes) noexcept {
  static constexpr std::string_view protocol = "HTTP/";
  auto size = std::min(bytes.size(), protocol.size());
  return ascii::equals_ignoring_case(bytes.substr(0, size), protocol.substr(0, size));
}

/// Relays until the server of a tunnel that could not be read has begun to answer. Whatever the
/// client said first, an answer in HTTP tells that it was a request, which only this server takes
/// for one.
/// @returns how the tunnel is to end, if it is.
task<std::optional<after>> hear_answer(client_session& c, state::tunnel& through, direction& up,
                                       direction& down) {
  constexpr size_t enough = 5; // "HTTP/"
  auto& server = *through.server;
  server.io.keep_alive();
  std::string begun;
  for (;;) {
    auto sent = up.run(c.shard.loop, c.client, server.io, false);
    if (sent == direction::outcome::failed) {
      c.end = c.client.dead() ? ending::client_gone : ending::upstream_gone;
      co_return after::reset;
    }
    while (begun.size() < enough && server.io.may_read()) {
      std::array<char, enough> buffer;
      auto got = server.io.read(std::span{buffer}.first(enough - begun.size()));
      if (got.blocked())
        break;
      if (got.failed()) { // told once: whoever goes on would take it for an end
        c.end = ending::upstream_gone;
        co_return after::reset;
      }
      if (got.ok())
        begun.append(buffer.data(), got.size);
      if (!got.ok() || !may_be_response(begun)) {
        down.bytes.put_first(begun);
        co_return std::nullopt;
      }
    }
    if (begun.size() == enough) {
      auto why = policy::why_not(*c.shard.policy->rules,
                                 {.to = through.admitted_by->to(),
                                  .by = asker_of(c),
                                  .reading = policy::reading::hidden,
                                  .answer = answer_of(through.admitted_by->granted_by()->grant())});
      if (!why) { // the policy of now reads no such tunnel
        down.bytes.put_first(begun);
        co_return std::nullopt;
      }
      (void)c.shard.refused(*why, through.admitted_by->to(), c);
      c.end = ending::refused;
      if (auto* of_tunnel = c.tunnel_spans ? c.tunnel_spans.get() : c.spans.get())
        of_tunnel->cut(policy::refusal_of(why->reason).name);
      co_return after::reset;
    }
    if (sent == direction::outcome::again) {
      co_await c.wakes.next_turn();
      continue;
    }
    auto in_time = co_await c.wakes.until(c.in(c.timeouts().idle));
    if (!in_time) {
      c.end = ending::idle;
      co_return after::close;
    }
  }
}

} // namespace

task<after> relay(client_session& c) {
  auto& through = *c.in_state<state::tunnel>();
  auto& server = *through.server;
  direction up, down;
  up.bytes.put_first(c.reader.pending);
  down.bytes.put_first(c.take_first_words());
  std::string{}.swap(c.reader.pending);
  auto count = [&, up_before = uint64_t{0}, down_before = uint64_t{0}]() mutable {
    c.bytes_up += up.bytes.moved() - std::exchange(up_before, up.bytes.moved());
    c.bytes_down += down.bytes.moved() - std::exchange(down_before, down.bytes.moved());
  };
  if (through.must_not_answer_http) {
    if (auto over = co_await hear_answer(c, through, up, down)) {
      count();
      co_return *over;
    }
  }
  for (;;) {
    auto sent = up.run(c.shard.loop, c.client, server.io, down.over);
    auto received = down.run(c.shard.loop, server.io, c.client, up.over);
    count();
    if (sent == direction::outcome::failed || received == direction::outcome::failed) {
      // A side that broke off must not look like one that ended: the other gets a reset, not an
      // end.
      c.end = c.client.dead() ? ending::client_gone : ending::upstream_gone;
      co_return after::reset;
    }
    if (up.over && down.over)
      co_return after::close;
    if (sent == direction::outcome::again || received == direction::outcome::again) {
      co_await c.wakes.next_turn();
      continue;
    }
    c.holds(up.bytes.held() + down.bytes.held());
    auto deadline = c.in(c.timeouts().idle);
    auto kept = server.io.is_kept_alive();
    auto in_time =
      co_await c.wakes.until(kept ? deadline : std::min(deadline, c.in(first_silence)));
    if (!in_time && !kept) {
      server.io.keep_alive();
      in_time = co_await c.wakes.until(deadline);
    }
    if (!in_time) {
      c.end = ending::idle;
      co_return after::close;
    }
  }
}

} // namespace proxy
