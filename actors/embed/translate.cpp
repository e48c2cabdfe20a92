#include "actors/embed/translate.hpp"

#include <algorithm>
#include <utility>

namespace proxy::embed {

codex::problem translate(const config::problem& p) {
  return {p.level == config::problem::severity::error,
          p.file,
          p.line,
          p.column,
          p.key,
          p.message,
          p.hint};
}

std::vector<codex::problem> translate(const std::vector<config::problem>& all) {
  std::vector<codex::problem> out;
  out.reserve(all.size());
  for (const auto& p : all)
    out.push_back(translate(p));
  return out;
}

codex::network_protocol translate(policy::protocol p) noexcept {
  switch (p) {
    case policy::protocol::http: return codex::network_protocol::http;
    case policy::protocol::https: return codex::network_protocol::https;
    case policy::protocol::https_connect: return codex::network_protocol::https_connect;
    case policy::protocol::socks5_tcp: return codex::network_protocol::socks5_tcp;
    case policy::protocol::socks5_udp: break;
  }
  return codex::network_protocol::socks5_udp;
}

codex::network_mode translate(policy::mode m) noexcept {
  return m == policy::mode::full ? codex::network_mode::full : codex::network_mode::limited;
}

policy::mode translate(codex::network_mode m) noexcept {
  return m == codex::network_mode::full ? policy::mode::full : policy::mode::limited;
}

codex::blocked_request translate(const decision_event& refusal) {
  codex::blocked_request out;
  out.id = refusal.id;
  out.at = refusal.at;
  out.host = refusal.listed_host();
  out.port = refusal.port;
  out.protocol = translate(refusal.protocol);
  out.method = refusal.method;
  out.mode = translate(refusal.mode);
  out.reason = refusal.reason_text();
  out.decision = policy::to_string(refusal.decision);
  out.source = policy::to_string(refusal.source);
  out.rule = refusal.rule;
  out.client_address = refusal.client_text();
  out.client = refusal.user;
  return out;
}

decider_word translate(codex::network_decision answer) {
  using kind = codex::network_decision::kind;
  switch (answer.what()) {
    case kind::allow: return {policy::decision::allow, {}};
    case kind::ask: return {policy::decision::ask, answer.reason()};
    case kind::deny: break;
  }
  return {policy::decision::deny, answer.reason()};
}

codex::error error_of(codex::error_code code, const std::vector<config::problem>& problems) {
  auto first =
    std::ranges::find(problems, config::problem::severity::error, &config::problem::level);
  return {code, first == problems.end() ? std::string{to_string(code)} : first->str(),
          translate(problems)};
}

codex::error translate(const start_failure& why) {
  using enum start_failure::kind;
  return error_of(why.what == config ? codex::error_code::invalid_config
                  : why.what == bind ? codex::error_code::cannot_bind
                                     : codex::error_code::no_resources,
                  why.problems);
}

codex::result<codex::policy_change> translate(reload_outcome outcome) {
  if (!outcome.report)
    return error_of(outcome.ends ? codex::error_code::failed : codex::error_code::invalid_config,
                    outcome.problems);
  auto& report = *outcome.report;
  return codex::policy_change{report.generation, std::move(report.changed),
                              std::move(report.needs_restart), report.closed_tunnels,
                              translate(outcome.problems)};
}

codex::explanation translate(const explanation& e) {
  codex::explanation out;
  out.goes_through = e.goes_through();
  out.decision = policy::to_string(e.decision);
  out.reason = e.reason;
  out.status = e.status;
  if (e.rule) {
    out.rule = e.rule->text;
    out.file = e.rule->file;
    out.line = e.rule->line;
  }
  out.remedy = e.remedy;
  out.text = to_text(e, false);
  return out;
}

} // namespace proxy::embed

namespace codex {

std::string problem::str() const {
  using severity = proxy::config::problem::severity;
  return proxy::config::problem{
    is_error ? severity::error : severity::warning, file, line, column, key, message, hint}
    .str();
}

std::string_view to_string(error_code code) noexcept {
  switch (code) {
    case error_code::invalid_argument: return "invalid_argument";
    case error_code::invalid_config: return "invalid_config";
    case error_code::cannot_bind: return "cannot_bind";
    case error_code::no_resources: return "no_resources";
    case error_code::not_running: return "not_running";
    case error_code::timed_out: return "timed_out";
    case error_code::failed: break;
  }
  return "failed";
}

std::string_view to_string(network_protocol protocol) noexcept {
  switch (protocol) {
    case network_protocol::http: return "http";
    case network_protocol::https: return "https";
    case network_protocol::https_connect: return "https_connect";
    case network_protocol::socks5_tcp: return "socks5_tcp";
    case network_protocol::socks5_udp: break;
  }
  return "socks5_udp";
}

} // namespace codex
