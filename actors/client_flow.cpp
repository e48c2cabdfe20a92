#include <variant>

#include "actors/flows.hpp"

namespace proxy {

namespace {

task<after> serve(connection& c, exchange& x, verdict& v) {
  if (auto* permit = std::get_if<policy::permit>(&v)) {
    c.shard.admitted(*permit, c);
    if (x.target.protocol == policy::protocol::https_connect)
      co_return co_await open_tunnel(c, x, std::move(*permit));
    co_return co_await forward(c, x, std::move(*permit));
  }
  if (auto* denial = std::get_if<policy::denial>(&v))
    co_return co_await refuse(c, x, *denial);
  if (auto* answer = std::get_if<own_answer>(&v)) {
    auto keep = may_keep(c, x);
    auto sent = co_await send_to_client(c, answer->body);
    if (!sent)
      co_return after::close;
    co_return co_await go_on(c, x, keep);
  }
  co_return co_await fault(c, x, std::get<caf::error>(v));
}

task<after> serve_requests(connection& c) {
  for (;;) {
    received_head head;
    co_await read_head(c, head);
    if (head.status == head_status::ended)
      co_return after::close;
    exchange x;
    ++c.shard.counters.requests_total;
    ++c.requests;
    auto v = head.status == head_status::complete ? judge_request(c, head.text, x)
                                                  : verdict{std::move(head.error)};
    auto next = co_await serve(c, x, v);
    if (next != after::next_request)
      co_return next;
  }
}

} // namespace

task<> client_flow(connection& c) {
  // What served the requests is gone by the time a tunnel runs: an idle tunnel is one small frame.
  auto next = co_await serve_requests(c);
  if (next == after::tunnel)
    co_await relay(c);
  else if (c.linger)
    co_await close_in_steps(c);
}

task<> turn_away(connection& c) {
  ++c.shard.counters.connections_refused;
  exchange x;
  auto why = caf::make_error(errc::overloaded, std::string{"too many connections"});
  co_await fault(c, x, why);
  co_await close_in_steps(c);
}

} // namespace proxy
