#include "actors/answers.hpp"
#include "actors/flows.hpp"
#include "protocols/socks5/reply.hpp"

namespace proxy {

namespace {

bool is_socks(const exchange& x) noexcept {
  return x.target.protocol == policy::protocol::socks5_tcp ||
         x.target.protocol == policy::protocol::socks5_udp;
}

} // namespace

task<after> go_on(connection& c, exchange& x, bool keep) {
  if (!keep) {
    c.linger = true;
    co_return after::close;
  }
  auto usable = co_await drain_body(c, x.body, x.content_length);
  c.linger = !usable;
  co_return usable ? after::next_request : after::close;
}

bool may_keep(const connection& c, const exchange& x) {
  auto small =
    x.body == http1::framing::none || (x.body == http1::framing::length &&
                                       x.content_length <= c.shard.config().limits.max_drain_bytes);
  // A client that waits for 100 (Continue) may or may not send the body now: only closing is
  // unambiguous.
  return x.keep_alive && !c.draining && small &&
         !(x.expects_continue && x.body != http1::framing::none);
}

task<after> refuse(connection& c, exchange& x, const policy::denial& why) {
  auto request_id = c.shard.refused(why, x.target, c);
  c.end = ending::refused;
  if (x.wrong_login)
    co_await hold_back(c);
  auto keep = may_keep(c, x);
  answer_options options{.request_id = request_id, .head_only = x.to_head, .close = !keep};
  auto& out = c.shard.loop.out();
  out.clear();
  if (is_socks(x))
    out = socks5::encode_reply(socks5::reply_code::not_allowed);
  else
    append_refusal(out, why, x.target, options);
  auto sent = co_await send_to_client(c, out);
  if (!sent)
    co_return after::close;
  co_return co_await go_on(c, x, keep);
}

task<after> misdirected(connection& c, exchange& x, const caf::error& why) {
  // None of the reasons for a refusal: recorded in words of its own.
  policy::denial record;
  record.reason = policy::reason::policy_denied;
  record.source = policy::source::mode_guard;
  record.words = "misdirected";
  record.domain_scope = false;
  (void)c.shard.refused(record, x.target, c);
  co_return co_await fault(c, x, why);
}

task<after> fault(connection& c, exchange& x, const caf::error& why) {
  auto code = code_of(why);
  c.end = ending::fault;
  if (outcome_of(code).http_status == 0)
    co_return after::close;
  // What a malformed request left behind cannot be told from the start of another one.
  auto ours = code == errc::malformed || code == errc::not_implemented ||
              code == errc::head_too_large || code == errc::request_timeout;
  auto keep = !ours && may_keep(c, x);
  auto request_id = c.shard.new_request_id();
  auto cause = context_of(why);
  if (c.shard.log().should_log(spdlog::level::debug))
    c.shard.log().debug("msg=fault error={} cause=\"{}\" host={} port={} client={} request_id={}",
                        to_string(code), cause, x.target.host.text(), x.target.port, c.from.str(),
                        request_id);
  answer_options options{.request_id = request_id, .head_only = x.to_head, .close = !keep};
  auto& out = c.shard.loop.out();
  out.clear();
  if (is_socks(x))
    out = socks5::encode_reply(socks5::reply_for(code));
  else
    append_fault(out, code, cause, options);
  auto sent = co_await send_to_client(c, out);
  if (!sent)
    co_return after::close;
  co_return co_await go_on(c, x, keep);
}

} // namespace proxy
