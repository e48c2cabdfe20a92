#include "actors/serve/socks5/socks5_flow.hpp"

#include <openssl/crypto.h>
#include <sys/socket.h>

#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/decide.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/socks5/association.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "protocols/ascii.hpp"
#include "protocols/socks4.hpp"
#include "protocols/socks5/auth.hpp"
#include "protocols/socks5/greeting.hpp"
#include "protocols/socks5/reply.hpp"
#include "protocols/socks5/request.hpp"

namespace proxy {

namespace {

/// More than any message of the protocol; what comes with one stays small.
constexpr size_t message_read_size = 1024;

/// Adds to `c.reader.pending` what the client sends next.
/// @returns errc::closed, or errc::request_timeout at the deadline.
task<caf::error> read_more(client_end& c, steady_time deadline) {
  for (;;) {
    auto got = co_await c.reader.some(message_read_size, deadline);
    if (got.woken())
      continue;
    if (got.late())
      co_return caf::make_error(errc::request_timeout, std::string{"the client is too slow"});
    if (!got.ok())
      co_return caf::make_error(errc::closed, std::string{"the client has gone"});
    c.reader.pending.append(got.bytes);
    co_return caf::none;
  }
}

/// Reads one message to the front of `c.reader.pending`, which its views point to: `take` drops it.
template <class T>
task<caf::expected<decoded<T>>>
read_message(client_end& c, decode_result<T> (*decode)(std::string_view), steady_time deadline) {
  for (;;) {
    if (!c.reader.pending.empty()) {
      auto got = decode(c.reader.pending);
      if (!got)
        co_return std::move(got.error());
      if (*got)
        co_return std::move(**got);
    }
    auto err = co_await read_more(c, deadline);
    if (err)
      co_return std::move(err);
  }
}

void take(client_end& c, size_t size) { c.reader.pending.erase(0, size); }

/// Counts and audits a client that did not show who it is. What it wants is not known yet.
void record_nobody(client_session& c) {
  policy::target nothing;
  nothing.protocol = policy::protocol::socks5_tcp;
  (void)c.shard.refused(client_required(), nothing, c);
  c.end = ending::refused;
}

/// Ends with a client that said nothing that could be answered.
after give_up(client_session& c, const caf::error& why) {
  if (code_of(why) == errc::closed)
    c.end = ending::client_gone;
  return after::close;
}

/// Agrees on how the client shows who it is, and has it do so (RFC 1928 §3, RFC 1929).
/// @returns nothing, or how the connection is to be closed.
task<std::optional<after>> authenticate(client_session& c, steady_time deadline) {
  auto greeting = co_await read_message(c, socks5::decode_greeting, deadline);
  if (!greeting)
    co_return give_up(c, greeting.error()); // not SOCKS5: nothing can be said in it
  auto wanted = c.shard.config().socks_users.empty() ? socks5::method::no_authentication
                                                     : socks5::method::user_password;
  auto offered = greeting->value.offers(wanted);
  take(c, greeting->size);
  if (!offered && wanted == socks5::method::user_password)
    record_nobody(c);
  auto answer = socks5::encode_method(offered ? wanted : socks5::method::none_acceptable);
  auto sent = co_await send_to_client(c, answer);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  if (!offered)
    co_return after::close_in_steps;
  if (wanted == socks5::method::no_authentication)
    co_return std::nullopt;
  auto shown = co_await read_message(c, socks5::decode_credentials, deadline);
  if (!shown && code_of(shown.error()) == errc::closed)
    c.end = ending::client_gone;
  // Of now: the users may be others than when the greeting came.
  auto known = shown && is_user(c.shard.config(), shown->value.user, shown->value.password);
  if (known)
    c.known_as = std::make_shared<const identity>(
      identity{std::string{shown->value.user}, c.shard.policy->config});
  if (shown) {
    OPENSSL_cleanse(c.reader.pending.data(), shown->size);
    take(c, shown->size);
  }
  if (shown && !known) {
    record_nobody(c);
    co_await hold_back(c);
  }
  answer = socks5::encode_auth_status(known);
  sent = co_await send_to_client(c, answer);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  if (!known)
    co_return after::close_in_steps;
  co_return std::nullopt;
}

/// Answers a client that speaks another protocol in that one: SOCKS4, or HTTP.
task<after> answer_stranger(client_session& c) {
  if (!socks4::is_request(c.reader.pending)) {
    exchange ex;
    auto why = caf::make_error(errc::malformed, std::string{"this port speaks SOCKS5, not HTTP"});
    co_return co_await fault(c, ex, why);
  }
  c.shard.log().info("msg=socks4_refused client={} cause=\"SOCKS4 is not spoken: use SOCKS5\"",
                     c.from.str());
  c.end = ending::refused;
  auto sent = co_await send_to_client(c, socks4::rejection);
  co_return sent == sending::done ? after::close_in_steps : cut_off(c, sent);
}

/// Whether a client's first bytes are of a protocol other than SOCKS5 that can be answered in it.
bool is_stranger(std::string_view first) noexcept {
  return socks4::is_request(first) || ascii::is_alpha(first[0]);
}

std::string success(const ip_sockaddr& bound) {
  return socks5::encode_reply(socks5::reply_code::succeeded, bound.ip().value_or(ip_address{}),
                              bound.port());
}

/// Judges a CONNECT and opens its tunnel.
task<after> open_socks_tunnel(client_session& c, exchange& ex) {
  auto judged = judge_tunnel_target(c, ex);
  if (auto* question = std::get_if<policy::question>(&judged)) {
    auto asked = std::move(*question);
    judged = co_await decide(c, ex, std::move(asked));
  }
  if (auto* error = std::get_if<caf::error>(&judged))
    co_return co_await fault(c, ex, *error);
  if (auto* denial = std::get_if<policy::denial>(&judged))
    co_return co_await refuse(c, ex, *denial);
  auto next = co_await connect_tunnel(c, ex);
  if (next == after::tunnel || next == after::first_bytes) {
    auto* open = c.in_state<state::tunnel>();
    const auto& reached = open ? open->server : c.in_state<state::intercepted>()->dialled;
    c.say_first(success(reached->io.local_address()));
    if (c.spans)
      c.spans->answer(0); // in a word that is no status of HTTP
  }
  co_return next;
}

/// The trace of a tunnel, which is one of its own: SOCKS names none.
void begin_spans(client_session& c, const policy::target& to) {
  c.spans = std::make_unique<request_spans>(c);
  c.spans->describe_socks();
  (void)c.spans->join(nullptr);
  c.spans->lead_to(to);
}

/// Opens a UDP association (RFC 1928 §7).
task<after> open_association(client_session& c, exchange& ex, const socks5::endpoint& wanted) {
  if (auto denial = policy::why_no_association(*c.shard.policy->rules)) {
    if (c.shard.config().enable_socks5_udp)
      co_return co_await refuse(c, ex, *denial);
    (void)c.shard.refused(*denial, ex.target, c);
    c.end = ending::refused;
    auto reply = socks5::encode_reply(socks5::reply_for(errc::unsupported_command));
    auto told = co_await send_to_client(c, reply);
    co_return told == sending::done ? after::close_in_steps : cut_off(c, told);
  }
  auto made = association::open(c, wanted);
  if (!made)
    co_return co_await fault(c, ex, made.error());
  std::string{}.swap(c.reader.pending); // nothing more is said on this connection
  c.turned_down.reset();
  auto by = std::make_unique<admission>(ex.target);
  auto& entered = c.enter(state::association{std::move(*made), std::move(by)});
  auto reply = success(entered.relay->bound());
  auto sent = co_await send_to_client(c, reply);
  co_return sent == sending::done ? after::association : cut_off(c, sent);
}

} // namespace

task<after> socks5_flow(client_session& c) {
  auto deadline = c.in(c.timeouts().head);
  if (c.reader.pending.empty())
    if (auto err = co_await read_more(c, deadline))
      co_return give_up(c, err);
  if (is_stranger(c.reader.pending))
    co_return co_await answer_stranger(c);
  if (auto over = co_await authenticate(c, deadline))
    co_return *over;
  ++c.shard.counters.requests_total;
  ++c.requests;
  exchange ex;
  ex.target.protocol = policy::protocol::socks5_tcp;
  auto request = co_await read_message(c, socks5::decode_request, deadline);
  measured_phase total{c.shard, phase::total};
  if (!request)
    co_return co_await fault(c, ex, request.error());
  auto [command, target] = std::move(request->value);
  take(c, request->size);
  // What has come behind it is the first of the tunnel: some clients save a round trip.
  caf::error wrong;
  if (command == socks5::command::connect && target.port == 0)
    wrong = caf::make_error(errc::malformed, std::string{"port 0"});
  else if (command == socks5::command::bind)
    wrong = caf::make_error(errc::unsupported_command, std::string{"BIND"});
  else if (c.shard.loop.memory().is_full())
    wrong = out_of_memory(c);
  else
    wrong = check_loop(c, nullptr, true);
  if (wrong)
    co_return co_await fault(c, ex, wrong);
  ex.target.host = target.host;
  ex.target.port = target.port;
  if (command == socks5::command::udp_associate)
    ex.target.protocol = policy::protocol::socks5_udp;
  else if (c.shard.wants_spans())
    begin_spans(c, ex.target);
  // Users may have been set since the client was greeted.
  if (auto denial = judge_user(*c.shard.policy, c))
    co_return co_await refuse(c, ex, *denial);
  if (command == socks5::command::connect)
    co_return co_await open_socks_tunnel(c, ex);
  co_return co_await open_association(c, ex, target);
}

task<after> relay_datagrams(client_session& c) {
  auto& relay = *c.in_state<state::association>()->relay;
  auto deadline = c.in(c.timeouts().udp_idle);
  for (;;) {
    // The association ends with its connection (RFC 1928 §7), on which nothing more is said.
    if (c.client.may_read()) {
      auto got = c.client.read(c.shard.loop.scratch());
      if (got.ended() || got.failed()) {
        c.end = got.failed() ? ending::client_gone : ending::done;
        co_return after::close;
      }
    }
    auto moved = relay.run();
    if (moved != association::moved::nothing)
      deadline = c.in(c.timeouts().udp_idle);
    if (moved == association::moved::more || c.client.may_read()) {
      co_await c.wakes.next_turn();
      continue;
    }
    auto in_time = co_await c.wakes.until(deadline);
    if (!in_time) {
      c.end = ending::idle;
      co_return after::close;
    }
  }
}

} // namespace proxy
