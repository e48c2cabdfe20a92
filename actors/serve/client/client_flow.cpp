#include "actors/serve/client/client_flow.hpp"

#include <variant>

#include "actors/net/http2_link.hpp"
#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/decide.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/exchange/forward.hpp"
#include "actors/serve/exchange/http2_flow.hpp"
#include "actors/serve/exchange/socket_flow.hpp"
#include "actors/serve/socks5/socks5_flow.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/tunnel/refused_tunnel.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "actors/serve/upstream/route.hpp"
#include "protocols/socks5/greeting.hpp"

namespace proxy {

namespace {

task<after> serve(client_session& c, exchange& ex, verdict& v) {
  if (auto* question = std::get_if<policy::question>(&v)) {
    auto asked = std::move(*question);
    v = co_await decide(c, ex, std::move(asked));
  }
  if (std::holds_alternative<let_through>(v)) {
    c.holds(ex.head.capacity() + ex.received().capacity() + c.reader.pending.capacity());
    if (c.spans && ex.target.protocol != policy::protocol::https_connect)
      c.spans->begin_upstream();
    if (ex.to_socket)
      co_return co_await forward_to_socket(c, ex);
    if (ex.target.protocol == policy::protocol::https_connect)
      co_return co_await open_tunnel(c, ex);
    co_return co_await forward(c, ex);
  }
  if (auto* denial = std::get_if<policy::denial>(&v))
    co_return co_await refuse(c, ex, *denial);
  if (auto* answer = std::get_if<own_answer>(&v)) {
    record_admission(c, ex);
    remember_admission(c, ex);
    auto keep = may_keep(c, ex);
    if (c.spans)
      c.spans->answer(200);
    auto sent = co_await send_to_client(c, answer->body);
    if (sent != sending::done)
      co_return cut_off(c, sent);
    co_return co_await go_on(c, ex, keep);
  }
  const auto& why = std::get<caf::error>(v);
  if (code_of(why) == errc::misdirected)
    co_return co_await misdirected(c, ex, why);
  co_return co_await fault(c, ex, why);
}

/// Of a request that is over. Those of what goes on, a tunnel say, do too.
void end_spans(client_session& c, after next) {
  if (c.spans && (next == after::next_request || next == after::close ||
                  next == after::close_in_steps || next == after::reset))
    c.spans.reset();
}

/// Of the process, or of a connection whose streams hold too much already.
bool is_short_of_memory(client_end& c) {
  auto* stream = c.client.stream();
  return c.shard.loop.memory().is_full() || (stream && stream->link().is_full());
}

} // namespace

after cut_off(client_session& c, sending how) {
  c.end = how == sending::too_slow ? ending::idle : ending::client_gone;
  return how == sending::too_slow ? after::reset : after::close;
}

task<after> serve_requests(client_session& c) {
  for (int in_a_row = 0;;) {
    if (is_to_give_way(c, in_a_row)) {
      in_a_row = 0;
      co_await c.wakes.next_turn();
    }
    received_head head;
    awaited_head what;
    what.first = c.requests == 0;
    if (what.first && !c.enclosing_tunnel())
      what.front = c.serves;
    co_await read_head(c, what, head);
    if (head.status == head_status::socks)
      co_return after::socks;
    if (head.status == head_status::client_gone)
      c.end = ending::client_gone;
    else if (head.status == head_status::idle)
      c.end = ending::idle;
    if (head.status != head_status::complete && head.status != head_status::failed)
      co_return after::close;
    exchange ex;
    ex.head = c.shard.texts.take();
    ex.spare = c.shard.texts.take();
    ++c.shard.counters.requests_total;
    ++c.requests;
    measured_phase total{c.shard, phase::total};
    c.trace.reset();
    if (c.shard.wants_spans())
      c.spans = std::make_unique<request_spans>(c);
    if (head.status == head_status::complete && is_short_of_memory(c)) {
      head.status = head_status::failed;
      head.error = out_of_memory(c);
    }
    auto v = head.status == head_status::complete ? judge_request(c, head.text, ex)
                                                  : verdict{std::move(head.error)};
    std::string{}.swap(head.store); // `ex` has what of it is needed
    auto next = co_await serve(c, ex, v);
    end_spans(c, next);
    c.shard.texts.give_back(std::move(ex.head));
    c.shard.texts.give_back(ex.take_received());
    if (next != after::next_request)
      co_return next;
  }
}

task<closing> client_flow(client_session& c) {
  // What served the requests is gone by the time a tunnel runs: an idle tunnel is one small frame.
  auto next = after::socks;
  if (c.serves == endpoint::http || c.shard.config().mixed_listeners)
    next = co_await serve_requests(c);
  if (next == after::socks) {
    next = co_await socks5_flow(c);
    end_spans(c, next);
  }
  if (next == after::first_bytes || next == after::refusal)
    c.tunnel_spans = std::move(c.spans); // requests inside have their own
  if (next == after::first_bytes)
    next = co_await begin_inside(c);
  else if (next == after::refusal)
    next = co_await begin_refused(c);
  if (next == after::next_request)
    next = co_await serve_requests(c);
  if (next == after::tunnel)
    next = co_await relay(c);
  else if (next == after::association)
    next = co_await relay_datagrams(c);
  else if (next == after::streams)
    next = co_await serve_streams(c);
  if (next == after::close_in_steps)
    co_await close_in_steps(c);
  co_return next == after::reset ? closing::reset : closing::orderly;
}

task<closing> turn_away(client_session& c, caf::error why) {
  ++c.shard.counters.connections_refused;
  if (c.serves == endpoint::socks) {
    policy::target unknown;
    unknown.protocol = policy::protocol::socks5_tcp;
    (void)c.shard.faulted(errc::overloaded, context_of(why), unknown, c);
    // The one thing that SOCKS5 can say before the client has spoken.
    auto answer = socks5::encode_method(socks5::method::none_acceptable);
    auto sent = co_await send_to_client(c, answer);
    if (sent != sending::done)
      co_return cut_off(c, sent) == after::reset ? closing::reset : closing::orderly;
    co_await close_in_steps(c);
    co_return closing::orderly;
  }
  exchange ex;
  auto next = co_await fault(c, ex, why);
  if (next != after::reset)
    co_await close_in_steps(c);
  co_return next == after::reset ? closing::reset : closing::orderly;
}

} // namespace proxy
