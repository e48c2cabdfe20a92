#include "actors/serve/answer/refuse.hpp"

#include "actors/serve/answer/answers.hpp"
#include "actors/serve/answer/told_inside.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "policy/ip_class.hpp"
#include "policy/remedy.hpp"
#include "protocols/socks5/reply.hpp"

namespace proxy {

namespace {

bool is_socks(const exchange& ex) noexcept {
  return ex.target.protocol == policy::protocol::socks5_tcp ||
         ex.target.protocol == policy::protocol::socks5_udp;
}

/// Of a request that names another host than its tunnel leads to.
constexpr std::string_view misdirected_remedy =
  "let the TLS server name and Host be the host that the tunnel was asked for";

/// What the client's request can make of an answer.
answer_form form_of(const exchange& ex) {
  return ex.received().empty() ? ex.form : form_for(ex.received());
}

/// How files are named to this client: paths of our machine are for those on it.
policy::path_style paths_for(const client_end& c) {
  auto here = c.from.unix_socket || policy::classify(c.from.ip) == policy::ip_class::loopback;
  return here ? policy::path_style::whole : policy::path_style::name;
}

/// For the line at the connection's end.
void remember_target(client_session& c, const exchange& ex) {
  if (c.shard.config().log.access && !c.enclosing_tunnel() && !c.client.stream())
    c.turned_down = std::make_unique<policy::target>(ex.target);
}

/// Whether a refused CONNECT is answered with 200, and refused to the request inside: for clients
/// that trust our CA, since others would see a failed handshake and no reason.
bool may_tell_inside(client_session& c, const exchange& ex, const policy::denial& why) {
  const auto& ca = c.shard.policy->ca;
  if (!is_told_inside(c.shard.config(), ex.target, why) || !ca || c.draining ||
      ex.body != http1::framing::none)
    return false;
  auto client = c.known_as ? std::string{c.user()} : c.from.ip.str();
  return c.shard.refused_leaves.may_show(*ca, ex.target.host, client, c.shard.loop.wall());
}

/// Refuses a CONNECT inside: counts and remembers it, and leaves the rest to `begin_refused`.
after refuse_inside(client_session& c, const exchange& ex, const policy::denial& why) {
  auto refused = std::make_shared<refused_tunnel>();
  refused->request_id = c.shard.refused(why, ex.target, c);
  refused->remedy = policy::remedy_for(*c.shard.policy->rules, why, ex.target, paths_for(c));
  refused->why = why;
  refused->snapshot = c.shard.policy; // by which everything is judged
  refused->to = ex.target;
  c.enter(state::refused{std::move(refused)});
  c.end = ending::refused;
  c.say_first(std::string{tunnel_established});
  return after::refusal;
}

} // namespace

task<after> go_on(client_session& c, exchange& ex, bool keep) {
  if (!keep)
    co_return after::close_in_steps;
  auto usable = co_await drain_body(c, ex.body, ex.content_length);
  co_return usable ? after::next_request : after::close_in_steps;
}

bool may_keep(const client_end& c, const exchange& ex) {
  auto small = ex.body == http1::framing::none ||
               (ex.body == http1::framing::length &&
                ex.content_length <= c.shard.config().limits.max_drain_bytes);
  // A client that waits for 100 (Continue) may or may not send the body now: only closing is
  // unambiguous.
  return ex.keep_alive && !c.draining && small &&
         !(ex.expects_continue && ex.body != http1::framing::none);
}

task<after> refuse(client_session& c, exchange& ex, const policy::denial& why) {
  remember_target(c, ex);
  if (c.spans) {
    const auto& look = policy::refusal_of(why.reason);
    c.spans->answer(is_socks(ex) ? uint16_t{0} : look.status, look.name);
  }
  const auto* before = c.refused();
  if (!before && may_tell_inside(c, ex, why))
    co_return refuse_inside(c, ex, why);
  // What comes inside a refused tunnel is part of the one event that was recorded.
  auto request_id = before ? before->request_id : c.shard.refused(why, ex.target, c);
  auto form = form_of(ex);
  c.end = ending::refused;
  if (ex.wrong_login)
    co_await hold_back(c);
  // The next CONNECT is judged anew, which requests in this tunnel would not be.
  auto keep = !before && may_keep(c, ex);
  answer_options options{.request_id = request_id,
                         .head_only = ex.to_head,
                         .close = !keep,
                         .form = form,
                         .in_tunnel = before != nullptr};
  auto& out = c.shard.loop.out();
  out.clear();
  if (is_socks(ex))
    out = socks5::encode_reply(socks5::reply_code::not_allowed);
  else if (before) {
    options.remedy = before->remedy;
    append_refusal(out, why, ex.target, options);
  } else
    c.shard.told.append(out, *c.shard.policy->rules, why, ex.target, paths_for(c), options);
  auto sent = co_await send_to_client(c, out);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  co_return co_await go_on(c, ex, keep);
}

namespace {

/// Sends what a fault looks like. @param request_id  Of what was recorded of it.
task<after> answer_fault(client_session& c, exchange& ex, const caf::error& why,
                         std::string request_id) {
  auto code = code_of(why);
  if (c.spans) {
    const auto& look = outcome_of(code);
    c.spans->answer(is_socks(ex) ? uint16_t{0} : look.http_status, look.name);
  }
  // What a malformed request left behind cannot be told from the start of another one.
  auto ours = code == errc::malformed || code == errc::not_implemented ||
              code == errc::head_too_large || code == errc::request_timeout;
  auto keep = !ours && may_keep(c, ex);
  auto cause = context_of(why);
  auto remedy = code == errc::misdirected ? misdirected_remedy : std::string_view{};
  answer_options options{.request_id = request_id,
                         .head_only = ex.to_head,
                         .close = !keep,
                         .form = form_of(ex),
                         .remedy = remedy};
  auto& out = c.shard.loop.out();
  out.clear();
  if (is_socks(ex))
    out = socks5::encode_reply(socks5::reply_for(code));
  else
    append_fault(out, code, cause, options);
  auto sent = co_await send_to_client(c, out);
  if (sent != sending::done)
    co_return cut_off(c, sent);
  co_return co_await go_on(c, ex, keep);
}

} // namespace

task<after> misdirected(client_session& c, exchange& ex, const caf::error& why) {
  // None of the reasons for a refusal: recorded in words of its own, and as no fault of anything.
  policy::denial record;
  record.reason = policy::reason::policy_denied;
  record.source = policy::source::mode_guard;
  record.words = "misdirected";
  record.domain_scope = false;
  auto request_id = c.shard.refused(record, ex.target, c);
  c.end = ending::refused;
  co_return co_await answer_fault(c, ex, why, std::move(request_id));
}

task<after> fault(client_session& c, exchange& ex, const caf::error& why) {
  auto code = code_of(why);
  c.end = code == errc::cancelled ? ending::client_gone : ending::fault;
  remember_target(c, ex);
  if (outcome_of(code).http_status == 0)
    co_return after::close;
  auto request_id = c.shard.faulted(code, context_of(why), ex.target, c);
  co_return co_await answer_fault(c, ex, why, std::move(request_id));
}

} // namespace proxy
