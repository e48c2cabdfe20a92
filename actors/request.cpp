#include <array>
#include <charconv>

#include "actors/answers.hpp"
#include "actors/flows.hpp"
#include "actors/upstream_name.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy {

namespace {

bool is_idempotent(std::string_view method) {
  static constexpr std::array methods{std::string_view{"GET"},     std::string_view{"HEAD"},
                                      std::string_view{"OPTIONS"}, std::string_view{"PUT"},
                                      std::string_view{"DELETE"},  std::string_view{"TRACE"}};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

/// RFC 9110 §7.6.2: with Max-Forwards 0 the proxy is the one that answers.
bool ends_here(const http1::request& req) {
  if (req.method != "OPTIONS" && req.method != "TRACE")
    return false;
  auto value = req.find("max-forwards");
  return value && !value->empty() && value->find_first_not_of('0') == std::string_view::npos;
}

own_answer answer_here(const connection& c, const http1::request& req, const exchange& x) {
  own_answer answer;
  answer_options options{
    .request_id = {}, .head_only = false, .close = !may_keep(c, x), .keep_alive_1_0 = x.client_1_0};
  // TRACE would reflect fields that are none of the script's business: the request line is enough.
  auto line = std::string{req.method} + ' ' + std::string{req.target} + " HTTP/1.1\r\n";
  auto trace = req.method == "TRACE";
  append_response(answer.body, 200, trace ? "message/http" : "text/plain", trace ? line : "", "",
                  options);
  return answer;
}

void take_over(const http1::request& req, exchange& x) {
  x.body = req.body;
  x.content_length = req.content_length;
  x.to_head = req.method == "HEAD";
  x.idempotent = is_idempotent(req.method);
  x.client_1_0 = req.http_1_0;
  x.keep_alive = req.keep_alive;
  x.expects_continue = req.expect_continue;
  x.target.method = req.method;
}

} // namespace

verdict judge_request(connection& c, std::string_view head, exchange& x) {
  auto& req = c.shard.request;
  const auto& config = c.shard.config();
  http1::head_limits limits{config.limits.max_head_bytes, config.limits.max_header_fields};
  if (auto err = http1::decode_request(head, limits, req))
    return err;
  take_over(req, x);
  x.target.protocol =
    req.method == "CONNECT" ? policy::protocol::https_connect : policy::protocol::http;
  if (x.target.protocol == policy::protocol::http && req.find("x-unix-socket")) {
    policy::denial denial;
    denial.reason = c.shard.policy->rules->enabled ? policy::reason::unix_socket_unsupported
                                                   : policy::reason::proxy_disabled;
    denial.source = policy::source::proxy_state;
    denial.domain_scope = false;
    if (!policy::allows_method(c.shard.policy->rules->mode, req.method)) {
      denial.reason = policy::reason::method_not_allowed;
      denial.source = policy::source::mode_guard;
    }
    // No host is involved; the name is what audit and answers show instead.
    if (auto named = host::parse("unix-socket"))
      x.target.host = std::move(*named);
    return denial;
  }
  http1::request_target target;
  if (auto err = http1::parse_target(req, target))
    return err;
  x.target.host = target.host;
  x.target.port = target.port;
  x.target.tls = target.https;
  x.upgrade = !req.upgrade.empty() && x.target.protocol == policy::protocol::http;
  x.target.upgrade = x.upgrade;
  auto judged = policy::evaluate(*c.shard.policy->rules, x.target);
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  x.under = c.shard.policy;
  x.via = x.under->upstreams.choose(x.target);
  if (x.target.protocol == policy::protocol::http) {
    if (ends_here(req))
      return answer_here(c, req, x);
    http1::rewrite_options options{
      .via = config.via ? product : std::string_view{}, .keep_upgrade = x.upgrade, .close = false};
    // Behind an upstream proxy an upgrade goes through a tunnel: the protocol it switches to is the
    // origin's, and must not be the proxy's.
    if (x.via && !x.target.tls && !x.upgrade)
      http1::rewrite_request_for_proxy(req, target, options, proxy_authorization(*x.via), x.head);
    else
      http1::rewrite_request(req, target, options, x.head);
  }
  return std::get<policy::permit>(std::move(judged));
}

} // namespace proxy
