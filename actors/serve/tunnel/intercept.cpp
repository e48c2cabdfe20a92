#include "actors/serve/tunnel/intercept.hpp"

#include "actors/observe/log/log.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/setting_text.hpp"
#include "actors/serve/tunnel/opening.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "actors/serve/upstream/route.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "policy/server_name.hpp"

namespace proxy {

namespace {

/// One read of what a server says before its client does.
constexpr size_t words_read_size = 16 * 1024;

[[nodiscard]] const policy::rules& rules_of(const client_end& c) { return *c.shard.policy->rules; }

/// Ends a tunnel that is not to go on unread.
/// The tunnel is over with it: nothing is left that another policy could refuse again.
void record_refusal(client_session& c, const policy::denial& why) {
  const auto& to = c.enclosing_tunnel()->tunnel.to();
  (void)c.shard.refused(why, to, c);
  c.end = ending::refused;
  if (c.tunnel_spans)
    c.tunnel_spans->cut(policy::refusal_of(why.reason).name);
  if (c.shard.config().log.access)
    c.turned_down = std::make_unique<policy::target>(to);
  c.enter(state::reading{});
}

/// What a step of relaying the server's words came to.
enum class words : uint8_t { wait, again, client_gone, upstream_gone };

/// Passes on what the server says while the client is silent. What the client has not
/// taken yet is kept as its first words.
words pass_words(client_session& c, state::intercepted& in, opening& out) {
  if (c.has_first_words()) {
    if (!c.client.may_write())
      return words::wait;
    auto left = c.take_first_words();
    auto sent = c.client.write(left);
    auto taken = sent.ok() ? sent.size : 0;
    c.bytes_down += taken;
    c.say_first(left.erase(0, taken));
    return sent.ok() ? words::again : sent.failed() ? words::client_gone : words::wait;
  }
  if (!in.dialled || out.words_end || !in.dialled->io.may_read())
    return in.dialled && in.dialled->io.dead() ? words::upstream_gone : words::wait;
  auto buffer = c.shard.loop.scratch().first(words_read_size);
  auto got = in.dialled->io.read(buffer);
  if (got.blocked())
    return words::wait;
  if (got.failed())
    return words::upstream_gone;
  // From here on this is a tunnel that nobody has read from its first byte on.
  in.admitted_by->where.reading = policy::reading::none;
  if (got.ended()) {
    out.words_end = true;
    (void)c.client.shutdown_write(); // in the clear: there is room
    return words::again;
  }
  out.words = true;
  std::string_view bytes{buffer.data(), got.size};
  auto sent = c.client.write(bytes);
  if (sent.failed())
    return words::client_gone;
  auto taken = sent.ok() ? sent.size : 0;
  c.bytes_down += taken;
  c.say_first(std::string{bytes.substr(taken)});
  return words::again;
}

/// Whether a tunnel may stand as one that nobody reads, by the policy of now: it may be newer than
/// the one that has judged the tunnel last.
/// @param hides  Its client hides something that would be read.
std::optional<policy::denial> judge_unread(client_session& c, state::intercepted& in,
                                           bool hides = false) {
  policy::query q{.to = in.what->tunnel.to(),
                  .by = asker_of(c),
                  .reading = hides ? policy::reading::hidden : policy::reading::none,
                  .answer = answer_of(in.what->tunnel.grant())};
  if (auto why = policy::why_not(rules_of(c), q))
    return why;
  return denial_in(renew(c, *in.admitted_by));
}

/// Reads the client's first message into `c.reader.pending`, where it stays. Until its first byte
/// comes, what the server says is passed on, unless the tunnel has to be read.
task<> read_opening(client_session& c, state::intercepted& in, opening& out) {
  auto since = c.shard.loop.now();
  if (!c.reader.pending.empty() && tell(c, out, false))
    co_return;
  for (;;) {
    auto silent = c.reader.pending.empty();
    if (c.client.may_read()) {
      auto got = take_more(c);
      if (got.blocked())
        continue;
      if (got.failed() || tell(c, out, got.ended())) {
        if (out.what == opening::kind::gone)
          c.end = ending::client_gone;
        co_return;
      }
      if (silent)
        since = c.shard.loop.now();
      continue;
    }
    if (c.client.dead()) {
      c.end = ending::client_gone;
      co_return;
    }
    auto waits_for_either = silent && !judge_unread(c, in);
    if (waits_for_either) {
      auto step = pass_words(c, in, out);
      if (step == words::client_gone || step == words::upstream_gone) {
        c.end = step == words::client_gone ? ending::client_gone : ending::upstream_gone;
        out.what = opening::kind::broken;
        co_return;
      }
      if (step == words::again) {
        since = c.shard.loop.now();
        co_await c.wakes.next_turn();
        continue;
      }
    }
    if (c.draining && silent && !out.words)
      co_return;
    auto patience = waits_for_either ? c.timeouts().idle : c.timeouts().tls_handshake;
    auto in_time = co_await c.wakes.until(since + patience);
    if (!in_time) {
      out.what = silent ? opening::kind::gone : opening::kind::late;
      c.end = ending::idle;
      co_return;
    }
  }
}

/// Lets a tunnel go on unread.
/// @param hides  As for `judge_unread`.
task<after> go_on_unread(client_session& c, state::intercepted& in, bool hides) {
  exchange ex;
  ex.target = in.what->tunnel.to();
  ex.granted = in.what->tunnel;
  ex.via = ex.granted->snapshot()->upstreams.choose(ex.target);
  ex.recorded = true;
  auto must_not_answer_http = policy::is_read(rules_of(c), ex.target);
  auto server = std::move(in.dialled);
  if (!server) { // the pool had one, of a server that is spoken to in TLS
    auto next = after::close;
    server = co_await connect_upstream(c, ex, next);
    if (!server)
      co_return after::close;
    // Meanwhile a policy may have come that has to read it, for which it is too late.
    if (auto denial = judge_unread(c, in, hides)) {
      record_refusal(c, *denial);
      co_return after::close_in_steps;
    }
  }
  auto renewed = renew(c, ex);
  if (auto* denial = std::get_if<policy::denial>(&renewed)) {
    record_refusal(c, *denial);
    co_return after::close_in_steps;
  }
  const auto& fresh = std::get<fresh_pass>(renewed);
  admit_tunnel(c, ex, fresh, std::move(server)).must_not_answer_http = must_not_answer_http;
  co_return after::tunnel;
}

/// Prepares for requests inside, which are judged one by one, and for connections of their own.
/// @returns the denial, if a new policy refuses the tunnel.
std::optional<policy::denial> read_from_here(client_session& c, state::intercepted& in,
                                             const opening& begun) {
  auto renewed = c.renew_enclosing();
  if (auto* denial = std::get_if<policy::denial>(&renewed))
    return std::move(*denial);
  if (begun.words)
    in.dialled.reset(); // what the server has begun is no answer to a request
  c.say_first({});
  in.admitted_by = admit_interception(*in.what, std::get<fresh_pass>(renewed));
  return std::nullopt;
}

void log_failure(client_end& c, const host& name, const caf::error& why) {
  if (code_of(why) == errc::closed)
    return;
  c.shard.log().warn("msg=client_tls_failed host={} client={} cause={}", log_text{name.text()},
                     c.from.str(), quoted_text(context_of(why)));
}

} // namespace

void log_exchange(const client_session& c, const exchange& ex, uint16_t status,
                  exchange_size size) {
  auto limit = c.shard.config().mitm.max_body_bytes;
  c.shard.log().info("msg=inspected host={} port={} method={} status={} request_bytes={} "
                     "request_truncated={} response_bytes={} response_truncated={} client={}{}",
                     log_text{ex.target.host.text()}, ex.target.port, log_text{ex.target.method},
                     status, size.request, size.request > limit, size.response,
                     size.response > limit, c.from, user_field(c.user()));
}

after intercept(client_session& c, exchange& ex, const fresh_pass& fresh,
                std::unique_ptr<upstream> server) {
  auto what = std::make_unique<interception>(pass{fresh.grant(), ex.granted->snapshot()});
  auto admitted = admit_interception(*what, fresh);
  c.enter(
    state::intercepted{std::move(what), std::move(admitted), std::move(server), std::nullopt});
  c.last_admitted.reset();
  c.turned_down.reset();
  return after::first_bytes;
}

task<after> begin_inside(client_session& c) {
  auto answer = c.take_first_words();
  auto sent = co_await send_to_client(c, answer);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  // Until it is known what this tunnel is, it stands with its connection.
  auto& in = *c.in_state<state::intercepted>();
  if (in.dialled && in.dialled->key.via.empty()) {
    in.admitted_by->where.connected = in.dialled->address;
    in.admitted_by->where.found_as = in.dialled->found_as;
  }
  opening begun;
  co_await read_opening(c, in, begun);
  using kind = opening::kind;
  if (begun.what == kind::gone)
    co_return after::close;
  if (begun.what == kind::broken)
    co_return after::reset;
  const auto& tunnel = in.what->tunnel.to();
  auto hides = begun.what != kind::other;
  auto readable = begun.what == kind::hello || begun.what == kind::http;
  // The policy of now: it may no longer be one that reads this tunnel. An answer is not possible
  // where our side has ended.
  if (!readable || begun.words_end || !policy::is_read(rules_of(c), tunnel)) {
    auto denial = judge_unread(c, in, hides);
    if (c.reader.pending.empty() && (denial || !in.dialled)) { // left without a word
      c.end = ending::client_gone;
      co_return after::close;
    }
    if (denial) {
      record_refusal(c, *denial);
      co_return after::close_in_steps;
    }
    co_return co_await go_on_unread(c, in, hides);
  }
  if (auto denial = read_from_here(c, in, begun)) {
    record_refusal(c, *denial);
    co_return after::close_in_steps;
  }
  if (begun.what == kind::http) {
    in.what->tls = false;
    co_return after::next_request;
  }
  const auto& name = tunnel.host;
  if (auto err = policy::check_server_name(name, begun.hello.server_name))
    in.what->misdirected = context_of(err);
  if (auto err = co_await accept_tls(c, name, c.shard.leaves)) {
    log_failure(c, name, err);
    c.end = code_of(err) == errc::closed ? ending::client_gone : ending::fault;
    if (c.tunnel_spans && c.end == ending::fault)
      c.tunnel_spans->cut(outcome_of(code_of(err)).name);
    co_return after::close;
  }
  co_return c.client.protocol() == "h2" ? after::streams : after::next_request;
}

} // namespace proxy
