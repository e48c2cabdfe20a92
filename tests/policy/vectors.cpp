#define CAF_SUITE policy.vectors
#include "policy/decide.hpp" // unit under test

#include <fstream>
#include <nlohmann/json.hpp>

#include "policy/ip_class.hpp"
#include "policy/lint.hpp"
#include "policy/narrowing.hpp"
#include "policy/upstream_proxy.hpp"
#include "tests/policy/asking.hpp"
#include "tests/policy/hook_kinds.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using nlohmann::json;

namespace {

using texts = std::vector<std::string>;

uint16_t port_of(const json& v) { return v.value("port", uint16_t{80}); }

json match(const json& v) {
  auto pattern = domain_pattern::parse(v["pattern"].get<std::string>());
  auto name = host::parse(v["host"].get<std::string>());
  auto set = set_of({v["pattern"]});
  bool alone = pattern && name && pattern->matches(*name, port_of(v));
  bool indexed = set && name && set->match(*name, port_of(v)) != nullptr;
  return alone == indexed ? json(alone) : json("the pattern and the set disagree");
}

json pattern(const json& v) {
  auto text = v["pattern"].get<std::string>();
  auto parsed = domain_pattern::parse(text);
  if (!parsed && v.contains("error") &&
      context_of(parsed.error()).find(v["error"].get<std::string>()) == std::string::npos)
    return context_of(parsed.error());
  if (v.contains("warning")) {
    auto warnings = lint(rules_of({text}), {});
    auto is_meant = [&](const lint_warning& w) {
      return w.message.find(v["warning"].get<std::string>()) != std::string::npos;
    };
    if (std::none_of(warnings.begin(), warnings.end(), is_meant))
      return "no warning";
  }
  return parsed.engaged();
}

json pattern_port(const json& v) {
  auto parsed = domain_pattern::parse(v["pattern"].get<std::string>());
  if (!parsed)
    return "refused";
  return {{"host", parsed->name()},
          {"port", parsed->port() ? json(*parsed->port()) : json(nullptr)}};
}

json inside(const json& v) {
  auto inner = domain_pattern::parse(v["inner"].get<std::string>());
  auto outer = domain_pattern::parse(v["outer"].get<std::string>());
  return inner && outer && inner->is_within(*outer);
}

json loopback(const json& v) {
  auto name = host::parse(v["host"].get<std::string>());
  return name &&
         (name->is_localhost() || (name->ip() && classify(*name->ip()) == ip_class::loopback));
}

json embedded(const json& v) {
  auto carried = embedded_v4(ip(v["ip"].get<std::string>()));
  return carried ? json(carried->str()) : json(nullptr);
}

json method(const json& v) {
  auto in_force = allowing({"a.test"});
  set_mode(in_force, v["mode"] == "limited" ? mode::limited : mode::full);
  auto what = get("a.test");
  what.method = v["method"].get<std::string>();
  return said(decided(in_force, what)) == "allow";
}

json told(const denial& d) {
  return {{"decision", to_string(d.decision)},
          {"reason", reason_text(d)},
          {"source", to_string(d.source)}};
}

/// What a decider of a case says.
std::optional<answer> word_of(const json& decider) {
  if (decider.is_null())
    return std::nullopt;
  if (decider == "allow")
    return answer{};
  auto how = decider.contains("ask") ? decision::ask : decision::deny;
  return answer{how, decider[to_string(how)].get_ref<const std::string&>()};
}

/// What is answered where a decider is asked, and how often it is.
verdict ask(const rules& in_force, const query& q, const json& decider, int& calls) {
  auto judged = decide(in_force, q);
  auto word = word_of(decider);
  if (!word || !std::holds_alternative<question>(judged))
    return judged;
  ++calls;
  auto again = q;
  again.answer = &*word;
  return decide(in_force, again);
}

json decide_case(const json& v) {
  auto in_force = allowing(v.value("allowed", texts{}), v.value("denied", texts{}));
  if (!in_force.table)
    return {{"decision", "invalid_config"}};
  auto decider = v.value("decider", json{});
  in_force.asks_unlisted = !decider.is_null();
  in_force.allow_local_binding = v.value("allow_local_binding", false);
  for (auto& text : v.value("listeners", texts{})) {
    auto where = unbox(authority::parse(text));
    in_force.own_listeners.push_back({*where.host.ip(), *where.port});
  }
  for (auto& text : v.value("local_addresses", texts{}))
    in_force.local_addresses.push_back(ip(text));
  auto name = host::parse(v["host"].get<std::string>());
  if (!name)
    return {{"decision", "invalid_host"}};
  target what{protocol::http, *name, port_of(v), v.value("method", "GET"), false};
  auto addresses = v.contains("dns") ? ips(v["dns"].get<texts>()) : known_addresses(*name);
  query q{.to = what};
  if (!addresses.empty() || v.contains("dns"))
    q.leads_to = destination{.addresses = addresses};

  int calls = 0;
  auto judged = ask(in_force, q, decider, calls);
  if (v.contains("decider_calls") && v["decider_calls"] != calls)
    return {{"decider_calls", calls}};
  if (auto no = std::get_if<denial>(&judged))
    return told(*no);
  return {{"decision", "allow"}};
}

/// Whether a decider's word lifts a refusal for this reason.
json overruled(const json& v) {
  auto refused = reason_named(v["baseline"].get<std::string>());
  if (!refused)
    return "unknown reason";
  auto in_force = allowing({}, {"denied.test"});
  auto what = get("example.com");
  switch (*refused) {
    case reason::not_allowed: break;
    case reason::not_allowed_local: what = get("127.0.0.1"); break;
    case reason::denied: what = get("denied.test"); break;
    case reason::method_not_allowed:
      set_mode(in_force, mode::limited);
      what.method = "POST";
      break;
    case reason::mitm_required:
      set_mode(in_force, mode::limited);
      what.protocol = protocol::https_connect;
      break;
    default: return "not made by rules";
  }
  return said(answered(in_force, what)) == "allow" ? "allow" : "deny";
}

json refused(const json& v) {
  auto words = v["reason"].get<std::string>();
  answer word{decision::deny, words};
  auto d = std::get<denial>(answered(allowing({}), get("a.test"), word));
  auto& row = refusal_of(d.reason);
  return {{"status", row.status}, {"x_proxy_error", row.x_proxy_error}, {"text", row.text}};
}

json narrowing(const json& v) {
  return widened_allows(rules_of(v["managed"].get<texts>()), rules_of(v["user"].get<texts>()))
    .empty();
}

json bypass(const json& v) {
  auto name = host::parse(v["host"].get<std::string>());
  return name && no_proxy{v["no_proxy"].get<std::string>()}.matches(*name, port_of(v));
}

json proxy_env(const json& v) {
  proxy_environment env;
  auto& set = v["env"];
  for (auto name : {"HTTP_PROXY", "http_proxy"})
    env.http.push_back({name, set.value(name, "")});
  env.https.push_back({"HTTPS_PROXY", set.value("HTTPS_PROXY", "")});
  env.no_proxy = set.value("NO_PROXY", "");
  env.cgi = set.contains("REQUEST_METHOD");
  std::vector<std::string> warnings;
  upstream_proxies proxies{env, allowing({}), warnings};
  if (!warnings.empty())
    return "refused";
  bool tls = v["url_scheme"] == "https";
  auto chosen = proxies.choose(tls, unbox(host::parse("example.com")), tls ? 443 : 80);
  if (!chosen)
    return nullptr;
  return (chosen->tls ? "https://" : "http://") + chosen->host.in_url() + ':' +
         std::to_string(chosen->port);
}

const kind_map host_kinds{
  {"match", match},
  {"pattern", pattern},
  {"pattern_port", pattern_port},
  {"inside", inside},
  {"loopback", loopback},
  {"non_public", [](const json& v) { return is_non_public(ip(v["ip"].get<std::string>())); }},
  {"embedded_v4", embedded},
  {"method", method},
  {"decision", decide_case},
  {"overrule", overruled},
  {"refusal", refused},
  {"narrowing", narrowing},
  {"no_proxy", bypass},
  {"proxy_env", proxy_env},
};

/// What is expected holds; an object may leave out keys that do not matter to a case.
bool holds(const json& expected, const json& answer) {
  if (!expected.is_object() || !answer.is_object())
    return expected == answer;
  for (auto& [key, value] : expected.items())
    if (!answer.contains(key) || answer[key] != value)
      return false;
  return true;
}

} // namespace

CAF_TEST(every case is answered as expected or as its recorded deviation says) {
  std::ifstream file{PROXY_VECTORS "/policy.json"};
  auto all = json::parse(file);
  auto& deviations = all["deviations"];
  auto kinds = hook_kinds();
  kinds.insert(host_kinds.begin(), host_kinds.end());
  size_t deviating = 0;
  CAF_CHECK_GREATER(all["cases"].size(), 500u);
  for (auto& v : all["cases"]) {
    auto kind = kinds.find(v["kind"].get<std::string>());
    if (kind == kinds.end()) {
      CAF_ERROR("no such kind: " << v.dump());
      continue;
    }
    auto answer = kind->second(v);
    auto id = v["id"].get<std::string>();
    bool deviates = deviations.contains(id);
    deviating += deviates;
    if (!holds(deviates ? deviations[id] : v["expect"], answer))
      CAF_ERROR(v.dump() << " answers " << answer.dump());
    if (deviates && holds(v["expect"], answer))
      CAF_ERROR(id << " no longer deviates");
  }
  CAF_CHECK_EQUAL(deviating, deviations.size());
}
