#define CAF_SUITE config.vectors
#include "config/load.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "config/address.hpp"
#include "config/text.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;
using nlohmann::json;

namespace {

/// A JSON value as an inline TOML value.
std::string toml_of(const json& value) {
  if (value.is_string())
    return in_quotes(value.get<std::string>());
  if (!value.is_structured())
    return value.dump();
  std::string parts;
  for (auto& [name, element] : value.items())
    parts += (parts.empty() ? "" : ", ") + (value.is_array() ? "" : in_quotes(name) + " = ") +
             toml_of(element);
  return value.is_array() ? "[" + parts + "]" : "{" + parts + "}";
}

/// `[permissions.dev]` with this network table, selected.
std::string profile_of(const json& network, const json& daemon = json::object()) {
  return "default_permissions = \"dev\"\nnetwork_proxy = " + toml_of(daemon) +
         "\n[permissions.dev]\nnetwork = " + toml_of(network) + "\n";
}

json outcome(const loaded& result) { return result.config ? "ok" : "error"; }

/// What the expectation asks about, taken from a configuration; "error" when there is none.
json answer(const loaded& result, const json& expect) {
  if (!result.config || !expect.is_object())
    return result.config ? json("ok") : json("error");
  auto shown = json::parse(to_json(*result.config));
  json merged = shown["network_proxy"];
  if (shown.contains("permissions"))
    merged.update(shown["permissions"][result.config->profile]["network"]);
  if (merged.contains("policy"))
    merged.update(merged["policy"]);
  merged["allowed"] = merged["allowed_domains"];
  merged["denied"] = merged["denied_domains"];
  merged["http"] = to_string(result.config->http);
  merged["admin"] = result.config->admin ? to_string(*result.config->admin) : "";
  json seen = json::object();
  for (auto& [name, ignored] : expect.items())
    seen[name] = merged[name];
  return seen;
}

json address(const json& v, const json&) {
  auto parsed = parse_listen_address(v["input"].get<std::string>(), v["default_port"]);
  return parsed ? to_string(*parsed) : "error";
}

json clamp(const json& v, const json& expect) {
  return answer(load_text(profile_of(v["network"], v["daemon"])), expect);
}

json table(const json& v, const json& expect) {
  return answer(load_text(v["older"] ? "network_proxy = " + toml_of(v["table"]) + "\n"
                                     : profile_of(v["table"])),
                expect);
}

json layers(const json& v, const json& expect) {
  folder home;
  auto from = home.from();
  for (const auto& text : v["layers"])
    from.files.push_back(
      home.write("layer" + std::to_string(from.files.size()), text.get<std::string>()));
  if (auto profile = v["profile"].get<std::string>(); !profile.empty())
    from.sets = {"default_permissions=" + in_quotes(profile)};
  return answer(load(from), expect);
}

/// Whether a user's table may stand under a managed one; a refusal must be the one of narrowing or
/// of a pattern.
json constraints(const json& v, const json&) {
  folder home;
  auto split = [](json network) {
    json daemon = json::object();
    if (network.contains("dangerously_allow_non_loopback_admin")) {
      daemon["dangerously_allow_non_loopback_admin"] =
        network["dangerously_allow_non_loopback_admin"];
      network.erase("dangerously_allow_non_loopback_admin");
    }
    return profile_of(network, daemon);
  };
  home.write("managed.toml", split(v["managed"]));
  home.write("config.toml", split(v["candidate"]));
  auto result = load(home.from());
  auto meant = result.config || contains(told(result), "invalid value for ") ||
               contains(told(result), "allowed_domains[0]: ");
  return meant ? outcome(result) : json("another error: " + told(result));
}

json socket(const json& v, const json&) {
  auto path = v["path"].get<std::string>();
  auto allow = v["permission"] == "allow";
  json network =
    allow ? json{{"allow_unix_sockets", {path}}} : json{{"unix_sockets", {{path, "deny"}}}};
  auto result = load_text(profile_of(network));
  auto meant =
    result.config ||
    contains(told(result), "allow_unix_sockets[0]: expected a NUL-free absolute path, got ");
  return meant ? outcome(result) : json("another error: " + told(result));
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// What hooks come to: the value they inject where that is asked for, else "ok", or those of the
/// expected words that the problem has. Files of the vectors lie in /abs.
json hooks(const json& v, const json& expect) {
  folder home;
  for (auto& [path, content] : v["files"].items())
    home.write(path.substr(std::string_view{"/abs/"}.size()), content.get<std::string>());
  auto text = profile_of(v["network"]);
  replace_all(text, "/abs/", home.at(""));
  home.write("config.toml", text);
  auto result = load(home.from(v["env"].get<std::map<std::string, std::string>>()));
  if (result.config) {
    if (!expect.is_object())
      return "ok";
    const auto& hook = result.config->mitm_hooks.at(0);
    return {{"value", hook.inject_request_headers.at(0).value.reveal()}};
  }
  auto said = told(result);
  replace_all(said, home.at(""), "/abs/");
  auto seen = json::array();
  for (const auto& words : expect)
    if (contains(said, words.is_string() ? words.get<std::string>() : std::string{}))
      seen.push_back(words);
  return seen == expect ? seen : json("another error: " + said);
}

} // namespace

CAF_TEST(the vectors hold) {
  std::ifstream in{std::string{PROXY_VECTORS} + "/config.json"};
  auto vectors = json::parse(in, nullptr, false);
  CAF_REQUIRE(vectors.is_array());
  CAF_CHECK(vectors.size() > 100);
  std::map<std::string, json (*)(const json&, const json&)> checks{
    {"address", address}, {"clamp", clamp},   {"constraints", constraints},
    {"hooks", hooks},     {"layers", layers}, {"socket", socket},
    {"table", table},
  };
  for (const auto& v : vectors) {
    auto id = v["id"].get<std::string>();
    CAF_MESSAGE(id);
    auto expect = v.contains("spec") ? v["spec"] : v["expect"];
    CAF_CHECK(!v.contains("spec") || v["spec"] != v["expect"]);
    auto seen = checks.at(v["check"].get<std::string>())(v, expect);
    CAF_CHECK_EQUAL(id + " " + seen.dump(), id + " " + expect.dump());
  }
}
