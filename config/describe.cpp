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
  ordered_json operator()(const std::vector<policy::rule>* value) const {
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
    else if constexpr (std::is_same_v<A, std::vector<policy::rule>*>)
      return std::ranges::equal(*a, *b, {}, &policy::rule::text, &policy::rule::text);
    else
      return *a == *b;
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

} // namespace

std::string to_json(const proxy_config& config) {
  auto copy = config; // The table of keys points into what may be changed.
  ordered_json root;
  if (!config.profile.empty())
    root["default_permissions"] = config.profile;
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
  return result;
}

} // namespace proxy::config
