#include "tests/policy/hook_kinds.hpp"

#include "policy/server_name.hpp"
#include "protocols/http1/rewrite.hpp"
#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"

namespace proxy::policy::test {

namespace {

using nlohmann::json;

/// Header lines from an object: a value, or a list for repeated lines. They live as long as it.
std::vector<http1::field> fields_of(const json& headers) {
  std::vector<http1::field> out;
  for (auto& [name, value] : headers.items()) {
    if (value.is_string())
      out.push_back({name, value.get_ref<const std::string&>()});
    else
      for (auto& one : value)
        out.push_back({name, one.get_ref<const std::string&>()});
  }
  return out;
}

constraints constraints_in(const json& v, const char* key) {
  constraints out;
  auto all = v.value(key, json::object());
  for (auto& [name, values] : all.items())
    out.emplace_back(name, values.get<words>());
  return out;
}

hook_set_ptr hooks_in(const json& v) {
  std::vector<hook_text> out;
  auto hooks = v.value("hooks", json::array());
  for (auto& h : hooks) {
    hook_text text{.host = h["host"],
                   .methods = h["methods"],
                   .paths = h["path_prefixes"],
                   .query = constraints_in(h, "query"),
                   .headers = constraints_in(h, "headers"),
                   .strip = h.value("strip", words{})};
    auto inject = h.value("inject", json::object());
    for (auto& [name, value] : inject.items())
      text.inject.emplace_back(name, value);
    out.push_back(std::move(text));
  }
  return hooks_of(out);
}

json hook_match_of(const json& v) {
  auto headers = fields_of(v["headers"]);
  http1::request_path path;
  bool canonical = !http1::canonicalise(v["target"].get_ref<const std::string&>(), path);
  auto hooks = hooks_in(v);
  auto match =
    hooks->match(get(v["host"].get<std::string>()).host,
                 {v["method"].get_ref<const std::string&>(), canonical ? &path : nullptr, headers});
  if (match.outcome == hook_match::kind::not_hooked)
    return {{"result", "no_hooks_for_host"}};
  if (match.outcome == hook_match::kind::none)
    return {{"result", "hooked_host_no_match"}};
  json injected = json::object();
  for (auto& i : match.hook->inject_request_headers)
    injected[i.name] = i.value.reveal();
  return {{"result", "matched"}, {"hook", match.index}, {"injected", injected}};
}

/// Path and query of a request target; nullopt when it is none.
std::optional<std::string_view> path_in(const http1::request& request) {
  if (request.target.find("://") == std::string_view::npos)
    return request.target;
  http1::request_target parsed;
  if (http1::parse_target(request, parsed))
    return std::nullopt;
  return parsed.path;
}

/// The canonical path of a request target, null for a refusal.
json path_canon(const json& v) {
  http1::request request;
  request.method = "GET";
  request.target = v["target"].get_ref<const std::string&>();
  http1::request_path out;
  auto path = path_in(request);
  return path && !http1::canonicalise(*path, out) ? json(std::string{out.path()}) : json(nullptr);
}

json path_match(const json& v) {
  auto matcher =
    value_matcher::parse("pattern:" + v["pattern"].get<std::string>(), value_matcher::use::path);
  return matcher && matcher->matches(v["path"].get_ref<const std::string&>());
}

json server_name(const json& v) {
  return !check_server_name(get(v["connect"].get<std::string>()).host,
                            v["server_name"].get_ref<const std::string&>());
}

/// The header lines that go on.
json hook_actions(const json& v) {
  hook_text text{.strip = v["strip"]};
  for (auto& [name, value] : v["inject"].items())
    text.inject.emplace_back(name, value);
  auto hook = hook_of(text);
  json out = json::object();
  for (auto& f : fields_of(v["headers"]))
    if (!removes(hook, f.name))
      out[std::string{f.name}] = f.value;
  for (auto& i : hook.inject_request_headers)
    out[i.name] = i.value.reveal();
  return out;
}

rules rules_in(const json& v) {
  auto out = allowing(v.value("allowed", words{"**.com"}));
  set_mode(out, v["mode"] == "limited" ? mode::limited : mode::full);
  out.mitm = true;
  set_hooks(out, hooks_in(v));
  return out;
}

json hooked(const json& v) {
  auto what = get(v["host"].get<std::string>());
  what.method = v["method"];
  what.protocol = v["tls"] ? protocol::https : protocol::http;
  return said(decided(rules_in(v), what));
}

/// A request inside an intercepted tunnel, as a flow takes it.
json inner(const json& v) {
  auto headers = fields_of(v["headers"]);
  auto to = get(v["connect"].get<std::string>(), 443);
  to.protocol = protocol::https_connect;
  http1::request request;
  request.method = v["method"].get_ref<const std::string&>();
  request.target = v["target"].get_ref<const std::string&>();
  request.fields = headers;
  auto path = path_in(request);
  if (!path)
    return {{"status", outcome_of(errc::malformed).http_status}};
  auto what = request_inside(v["connect"].get<std::string>(), std::string{request.method});
  for (auto name : {"host", ":authority"})
    if (auto named = request.find(name); named && !named->empty()) { // else it names none
      auto parsed = authority::parse(*named);
      if (!parsed)
        return {{"status", refusal_of(reason::misdirected).status}};
      what.host = parsed->host;
    }
  auto in_force = rules_in(v);
  // A tunnel that no list lets through is there by somebody's word.
  static constexpr answer let_through{.of_tunnel = true};
  auto listed = said(decided(in_force, to)) != "not_allowed";
  http1::request_path scratch;
  auto verdict = decide(in_force, {.to = what,
                                   .request = request_facts{*path, request.fields, &scratch},
                                   .through = &to,
                                   .answer = listed ? nullptr : &let_through});
  auto no = std::get_if<denial>(&verdict);
  if (!no)
    return {{"forward", true}};
  auto& look = refusal_of(no->reason);
  return {{"status", look.status}, {"x_proxy_error", look.x_proxy_error}, {"reason", look.name}};
}

} // namespace

kind_map hook_kinds() {
  return {{"hook_match", hook_match_of},
          {"hook_actions", hook_actions},
          {"hooked", hooked},
          {"inner", inner},
          {"path_canon", path_canon},
          {"path_match", path_match},
          {"server_name", server_name}};
}

} // namespace proxy::policy::test
