#include <nlohmann/json.hpp>

#include "actors/admin/explain.hpp"

namespace proxy {

namespace {

using json = nlohmann::ordered_json;

json or_null(const std::string& text) { return text.empty() ? json{} : json(text); }

std::string place_of(const policy::placed_text& rule) {
  if (rule.file.empty())
    return "";
  return rule.file + (rule.line == 0 ? "" : ':' + std::to_string(rule.line));
}

json rule_json(const std::optional<policy::placed_text>& rule) {
  if (!rule)
    return {};
  return {{"text", rule->text},
          {"file", or_null(rule->file)},
          {"line", rule->line == 0 ? json{} : json(rule->line)}};
}

std::string_view verdict_word(const explanation& e) {
  if (e.goes_through())
    return "ALLOW";
  if (e.source.empty())
    return "ERROR"; // it cannot be read, or its name does not resolve
  return e.decision == policy::decision::ask ? "ASK" : "DENY";
}

/// Appends `text` with each line indented.
void append_indented(std::string& out, std::string_view text) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    ((out += "  ") += line) += '\n';
  }
}

} // namespace

std::string to_json(const explanation& e) {
  auto addresses = json::array();
  for (auto& address : e.addresses)
    addresses.push_back(address.str());
  auto steps = json::array();
  for (auto& step : e.steps)
    steps.push_back({{"name", step.name}, {"outcome", step.outcome}});
  json out{{"decision", policy::to_string(e.decision)},
           {"reason", e.reason},
           {"source", or_null(e.source)},
           {"scope", e.domain_scope ? "domain" : "non_domain"},
           {"status", e.status},
           {"x_proxy_error", or_null(e.x_proxy_error)},
           {"host", or_null(e.host)},
           {"port", e.port == 0 ? json{} : json(e.port)},
           {"protocol", e.protocol},
           {"method", or_null(e.method)},
           {"mode", e.mode},
           {"mitm", e.mitm},
           {"hook", e.hook ? json(*e.hook) : json{}},
           {"addresses", std::move(addresses)},
           {"rule", rule_json(e.rule)},
           {"remedy", or_null(e.remedy)},
           {"steps", std::move(steps)}};
  if (e.decision == policy::decision::allow && e.reason == "dns_error")
    out["reachable"] = false;
  if (e.told_inside)
    out["told_inside"] = true;
  // Steps may quote what a user typed in any encoding.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string to_text(const explanation& e, bool colour) {
  std::string out;
  auto word = verdict_word(e);
  if (colour)
    out += e.goes_through() ? "\x1b[32m" : "\x1b[31m";
  out += word;
  if (colour)
    out += "\x1b[0m";
  out += ' ' + e.words + "\n\n";
  auto line = [&out](std::string_view name, const std::string& value) {
    out += name;
    out.append(name.size() < 10 ? 10 - name.size() : 1, ' ');
    out += value + '\n';
  };
  line("reason", e.source.empty() ? e.reason : e.reason + " (" + e.source + ')');
  line("rule", e.rule ? e.rule->text + (place_of(*e.rule).empty() ? "" : " at " + place_of(*e.rule))
                      : "none");
  if (!e.remedy.empty())
    line("remedy", e.remedy);
  if (!e.host.empty())
    line("target", e.host + " port " + std::to_string(e.port) + " by " + e.protocol);
  line("mode", e.mode);
  if (e.mitm)
    line("mitm", "the tunnel is intercepted");
  if (e.hook)
    line("hook", std::to_string(*e.hook));
  for (auto& address : e.addresses)
    line("address", address.str());
  out += "\nsteps\n";
  for (auto& step : e.steps)
    out += "  " + std::string{step.name} + ": " + step.outcome + '\n';
  if (!e.response.empty()) {
    out += e.told_inside
             ? "\na client would get inside its tunnel, as CONNECT is answered with 200\n"
             : "\na client would get\n";
    append_indented(out, e.response);
  }
  return out;
}

} // namespace proxy
