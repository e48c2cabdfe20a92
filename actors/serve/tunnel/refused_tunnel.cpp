#include "actors/observe/log/log.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/tunnel/opening.hpp"

namespace proxy {

namespace {

/// Waits for what the client says first, without an end to wait for but ours: nobody else is there
/// to say anything.
task<> read_opening(client_session& c, opening& out) {
  auto deadline = c.in(c.timeouts().head);
  while (c.reader.pending.empty() || !tell(c, out, false)) {
    if (!c.client.may_read()) {
      if (c.client.dead() || (c.draining && c.reader.pending.empty())) {
        c.end = c.client.dead() ? ending::client_gone : c.end;
        co_return;
      }
      c.holds(c.reader.pending.capacity());
    }
    auto got = co_await c.reader.some(first_read_size, deadline);
    if (got.ok()) {
      c.reader.pending.append(got.bytes);
    } else if (!got.woken()) {
      c.end = got.late() ? ending::idle : ending::client_gone;
      co_return;
    }
  }
}

/// The one place that tells why a client has not seen its refusal: it sees a failed handshake.
void log_unseen(const client_session& c, std::string_view cause) {
  c.shard.log().warn("msg=refusal_not_seen host={} port={} reason={} cause={} client={} "
                     "request_id={}",
                     log_text{c.refused()->to.host.text()}, c.refused()->to.port,
                     log_text{policy::reason_text(c.refused()->why)}, quoted_text(cause),
                     c.from.str(), c.refused()->request_id);
}

} // namespace

task<after> begin_refused(client_session& c) {
  auto answer = c.take_first_words();
  auto sent = co_await send_to_client(c, answer);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  opening begun;
  co_await read_opening(c, begun);
  if (begun.what == opening::kind::http)
    co_return after::next_request;
  if (begun.what != opening::kind::hello) {
    if (begun.what != opening::kind::gone)
      log_unseen(c, "the client speaks neither HTTP nor TLS");
    else if (c.end == ending::idle)
      log_unseen(c, "the client said nothing within timeouts.head");
    co_return after::close_in_steps;
  }
  // Whatever name the hello has, nothing is behind this tunnel that it could be confused with.
  const auto& name = c.refused()->to.host;
  if (auto err = co_await accept_tls(c, name, c.shard.refused_leaves.cache)) {
    log_unseen(c, context_of(err));
    co_return after::close_in_steps; // for an alert of ours
  }
  co_return c.client.protocol() == "h2" ? after::streams : after::next_request;
}

} // namespace proxy
