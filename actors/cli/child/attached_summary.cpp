#include "actors/cli/child/attached_summary.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/cli/daemon/summary.hpp"
#include "actors/cli/dial.hpp"
#include "config/text.hpp"
#include "tls/files.hpp"

namespace proxy::cli {

namespace {

using nlohmann::json;

/// The admin token, where this process may read it; "" for none.
std::string find_token(const config::proxy_config& config) {
  if (!config.admin_token_env.empty())
    return std::string{
      config::trim(config::process_environment(config.admin_token_env).value_or(""))};
  if (config.admin_token_file.empty())
    return {};
  auto content = tls::read_file(config.admin_token_file, "the admin token", {4096, false, true});
  return content && *content ? std::string{config::trim(**content)} : "";
}

/// `GET /blocked`, or why there is no answer.
json ask_blocked(const config::proxy_config& config, const std::string& query,
                 std::string& failure) {
  if (!config.admin) {
    failure = "the admin API is off";
    return {};
  }
  if (config.admin->port == 0 && config.admin->path.empty()) {
    failure = "the port of admin_url is chosen at start";
    return {};
  }
  auto answer = ask_admin(*config.admin, config.admin_token, "/blocked" + query);
  if (!answer) {
    failure = context_of(answer.error());
    return {};
  }
  auto told = json::parse(answer->body, nullptr, false);
  if (answer->status == 200 && told.is_object() && told["blocked"].is_array())
    return told;
  failure = "the admin API answers " + std::to_string(answer->status);
  return {};
}

std::string text_at(const json& entry, const char* name) {
  auto at = entry.find(name);
  return at != entry.end() && at->is_string() ? at->get<std::string>() : "";
}

uint64_t number_at(const json& entry, const char* name) {
  auto at = entry.find(name);
  return at != entry.end() && at->is_number_unsigned() ? at->get<uint64_t>() : 0;
}

/// As much of a refusal as the summary tells.
decision_event_ptr entry_of(const json& told) {
  decision_event out;
  out.decision = policy::decision::deny;
  out.id = number_at(told, "id");
  out.host = text_at(told, "host");
  out.port = static_cast<uint16_t>(number_at(told, "port"));
  out.words = text_at(told, "reason");
  for (auto reason : enum_values<policy::reason>())
    if (out.words == policy::to_string(reason))
      out.reason = reason;
  out.method = text_at(told, "method");
  if (out.method.empty())
    out.method = text_at(told, "protocol");
  out.rule = text_at(told, "rule");
  out.user = text_at(told, "user");
  return std::make_shared<const decision_event>(std::move(out));
}

} // namespace

attached_summary::attached_summary(config::proxy_config config, std::string user)
  : config_(std::move(config)), user_(std::move(user)) {
  config_.admin_token = find_token(config_);
  auto told = ask_blocked(config_, "", failure_);
  if (!failure_.empty())
    return;
  total_ = number_at(told, "total");
  for (const auto& each : told["blocked"])
    since_ = std::max(since_, number_at(each, "id"));
}

std::string attached_summary::text() const {
  auto why = failure_;
  json told;
  if (why.empty())
    told = ask_blocked(config_, "?since=" + std::to_string(since_), why);
  if (!why.empty())
    return "codex-network-proxy: run: no summary of what was refused: " + why + '\n';
  blocked_page page;
  for (const auto& each : told["blocked"])
    page.entries.push_back(entry_of(each));
  auto total = number_at(told, "total");
  page.total = std::max<uint64_t>(page.entries.size(), total > total_ ? total - total_ : 0);
  if (!user_.empty()) {
    // Those that the ring has dropped tell no more whose they were.
    std::erase_if(page.entries, [&](const auto& b) { return b->user != user_; });
    page.total = page.entries.size();
  }
  auto text = summary_of(std::move(page));
  if (!text.empty() && user_.empty())
    text += "  (by the daemon, for all its clients)\n";
  return text;
}

} // namespace proxy::cli
