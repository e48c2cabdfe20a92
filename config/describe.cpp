#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/address.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/text.hpp"
#include "config/value.hpp"

namespace proxy::config {

namespace {

using nlohmann::ordered_json;

/// The key's own name and the table it stands in, of a full name.
struct split_name {
  std::string table, last;
};

split_name split(const std::string& full) {
  auto dot = full.rfind('.');
  return {full.substr(0, dot), full.substr(dot + 1)};
}

ordered_json texts_of(const std::vector<policy::value_matcher>& matchers) {
  auto result = ordered_json::array();
  for (const auto& matcher : matchers)
    result.push_back(matcher.str());
  return result;
}

ordered_json constraints_json(const std::vector<policy::constraint>& constraints) {
  auto result = ordered_json::object();
  for (const auto& constraint : constraints)
    result[constraint.name] = texts_of(constraint.values);
  return result;
}

/// A hook in the shape of the file. The secret that is injected is not shown.
ordered_json hook_json(const policy::mitm_hook& hook) {
  auto injected = ordered_json::array();
  for (const auto& one : hook.inject_request_headers) {
    auto by_env = one.secret_file.empty();
    injected.push_back(
      {{"name", one.name},
       {"prefix", one.prefix},
       {by_env ? "secret_env_var" : "secret_file", by_env ? one.secret_env_var : one.secret_file},
       {"value", to_string(one.value)}});
  }
  return {{"host", hook.host.text()},
          {"match",
           {{"methods", hook.methods},
            {"path_prefixes", texts_of(hook.path_prefixes)},
            {"query", constraints_json(hook.query)},
            {"headers", constraints_json(hook.headers)}}},
          {"actions",
           {{"strip_request_headers", hook.strip_request_headers},
            {"inject_request_headers", std::move(injected)}}}};
}

/// A value as users write it, in JSON: durations as text, sizes as bytes.
struct json_writer {
  ordered_json operator()(std::monostate) const { return nullptr; }
  ordered_json operator()(const bool* value) const { return *value; }
  ordered_json operator()(const uint64_t* value) const { return *value; }
  ordered_json operator()(const milliseconds* value) const { return duration_text(*value); }
  ordered_json operator()(const std::string* value) const { return *value; }
  ordered_json operator()(const policy::mode* value) const { return policy::to_string(*value); }
  ordered_json operator()(const std::vector<std::string>* value) const { return *value; }
  ordered_json operator()(const listen_address* value) const { return url_of(*value); }
  ordered_json operator()(const std::optional<listen_address>* value) const {
    return *value ? url_of(**value) : std::string{};
  }
  ordered_json operator()(const std::vector<socks_user>* value) const {
    auto result = ordered_json::object();
    for (const auto& user : *value)
      result[user.name] = user.source;
    return result;
  }
  ordered_json operator()(const std::vector<otlp_header>* value) const {
    auto result = ordered_json::object();
    for (const auto& header : *value)
      result[header.name] = header.source;
    return result;
  }
  ordered_json operator()(const text_pairs* value) const {
    auto result = ordered_json::object();
    for (const auto& [name, text] : *value)
      result[name] = text;
    return result;
  }
  ordered_json operator()(const std::vector<policy::mitm_hook>* value) const {
    auto result = ordered_json::array();
    for (const auto& hook : *value)
      result.push_back(hook_json(hook));
    return result;
  }
  ordered_json operator()(const std::vector<client_certificate>* value) const {
    auto result = ordered_json::array();
    for (const auto& one : *value)
      result.push_back({{"hosts", (*this)(&one.hosts)}, {"cert", one.cert}, {"key", one.key}});
    return result;
  }
  ordered_json operator()(const std::vector<policy::placed_text>* value) const {
    auto result = ordered_json::array();
    for (const auto& rule : *value)
      result.push_back(rule.text);
    return result;
  }
};

/// Whether two values mean the same: a rule that only moved to another line does.
struct same_value {
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    if constexpr (!std::is_same_v<A, B>)
      return false; // One key has one type.
    else if constexpr (std::is_same_v<A, std::monostate>)
      return true; // Merged into another key.
    else if constexpr (std::is_same_v<A, std::vector<policy::placed_text>*>)
      return std::ranges::equal(*a, *b, {}, &policy::placed_text::text, &policy::placed_text::text);
    else
      return *a == *b;
  }
};

/// Copies a value from one configuration to another.
struct take_value {
  template <class A, class B>
  void operator()(const A& from, const B& to) const {
    if constexpr (std::is_same_v<A, B> && !std::is_same_v<A, std::monostate>)
      *to = *from;
  }
};

/// The JSON object at the dotted place of a key, made as needed.
ordered_json& object_at(ordered_json& root, const key& k, const proxy_config& config) {
  auto* at = &root;
  if (config.profile.empty() || k.in == scope::daemon) {
    at = &root["network_proxy"];
    if (k.in == scope::policy)
      at = &(*at)["policy"];
  } else {
    at = &root["permissions"][config.profile]["network"];
  }
  if (auto dot = k.name.find('.'); dot != std::string_view::npos)
    at = &(*at)[std::string{k.name.substr(0, dot)}];
  return *at;
}

/// Where the mode in force comes from: set at run time, or from the files and flags.
ordered_json mode_json(const proxy_config& config) {
  auto set = config.mode_override;
  return {{"in_force", policy::to_string(config.mode)},
          {"override", set ? ordered_json(policy::to_string(*set)) : ordered_json{}},
          {"file", policy::to_string(config.mode_of_layers)}};
}

/// What was added at run time to the lists, which show it, too.
ordered_json added_json(const proxy_config& config) {
  return {{"allowed_domains", config.added.allowed}, {"denied_domains", config.added.denied}};
}

} // namespace

std::string to_json(const proxy_config& config) {
  auto copy = config; // The table of keys points into what may be changed.
  ordered_json root;
  if (!config.profile.empty())
    root["default_permissions"] = config.profile;
  root["mode"] = mode_json(config); // outside our tables, so that they are as in a file
  root["added"] = added_json(config);
  for (const auto& k : keys) {
    auto value = std::visit(json_writer{}, k.at(copy));
    if (!value.is_null())
      object_at(root, k, config)[std::string{k.name.substr(k.name.rfind('.') + 1)}] =
        std::move(value);
  }
  if (!config.admin_token.empty())
    root["network_proxy"]["admin_token"] = "<redacted>";
  // Names of files are bytes, not necessarily UTF-8: never throw over them.
  return root.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<std::string> changed_keys(const proxy_config& before, const proxy_config& after) {
  std::vector<std::string> result;
  if (before.profile != after.profile)
    result.emplace_back("default_permissions");
  auto old_copy = before;
  auto new_copy = after;
  for (const auto& k : keys) {
    if (!std::visit(same_value{}, k.at(old_copy), k.at(new_copy)))
      result.push_back(full_name(k, after.profile));
  }
  // The token itself changed behind an unchanged name.
  if (before.admin_token != after.admin_token && before.admin_token_env == after.admin_token_env &&
      before.admin_token_file == after.admin_token_file)
    result.emplace_back(after.admin_token_file.empty() ? "network_proxy.admin_token_env"
                                                       : "network_proxy.admin_token_file");
  return result;
}

std::vector<std::string> keep_until_restart(const proxy_config& running, proxy_config& next) {
  std::vector<std::string> result;
  auto copy = running;
  for (const auto& k : keys) {
    if (!k.at_start)
      continue;
    auto value = k.at(copy);
    auto into = k.at(next);
    if (std::visit(same_value{}, value, into))
      continue;
    result.push_back(full_name(k, next.profile));
    std::visit(take_value{}, value, into);
  }
  return result;
}

std::string describe_keys() {
  std::string result;
  std::string table;
  proxy_config defaults;
  for (const auto& k : keys) {
    auto [in, last] = split(full_name(k, "P"));
    if (in != table) {
      result += (table.empty() ? "[" : "\n[") + in + "]\n";
      table = in;
    }
    result += "  " + last + " (" + type_text(k) + ", default " + value_text(k, defaults) +
              ")\n      " + std::string{k.doc} + "\n";
  }
  return result;
}

/// What the lists and maps above have no room for.
constexpr std::string_view hook_example =
  "\n# Hooks, one table each, in place of the empty list above. A host that has hooks lets nothing "
  "pass\n"
  "# but what one of them matches.\n"
  "# [[permissions.default.network.mitm_hooks]]\n"
  "# host = \"api.example.com\"\n"
  "# [permissions.default.network.mitm_hooks.match]\n"
  "# methods = [\"GET\", \"POST\"]\n"
  "# path_prefixes = [\"/v1/\", \"pattern:/v2/*/items\"]\n"
  "# query = {state = [\"open\", \"pattern:re*\"]}\n"
  "# headers = {x-api-version = []}\n"
  "# [permissions.default.network.mitm_hooks.actions]\n"
  "# strip_request_headers = [\"cookie\"]\n"
  "# inject_request_headers = [\n"
  "#   {name = \"authorization\", prefix = \"Bearer \", secret_env_var = \"API_TOKEN\"},\n"
  "#   {name = \"x-tenant\", secret_file = \"/run/secrets/tenant\"},\n"
  "# ]\n";

std::string reference_config() {
  std::string result =
    "# Every key at its default. A test keeps this file equal to the table in config/keys.hpp.\n"
    "# Durations: \"500ms\", \"30s\", \"1h30m\", or a number of seconds.\n"
    "# Sizes: \"64KiB\", \"10MB\", or a number of bytes.\n"
    "\n"
    "# The profile in force: its network table says what is allowed. Without this line, the same "
    "keys\n"
    "# are read from [network_proxy], [network_proxy.policy] and [network_proxy.mitm].\n"
    "default_permissions = \"default\"\n";
  std::string table;
  proxy_config defaults;
  for (const auto& k : keys) {
    auto [in, last] = split(full_name(k, "default"));
    if (in != table)
      result += "\n[" + in + "]\n";
    table = in;
    result += "# " + type_text(k) + ": " + std::string{k.doc} + "\n" + last + " = " +
              value_text(k, defaults) + "\n";
  }
  return result += hook_example;
}

} // namespace proxy::config
