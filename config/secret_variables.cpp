#include <algorithm>
#include <array>

#include "config/layer.hpp"

namespace proxy::config {

namespace {

/// Keys whose value is the name of a variable.
constexpr std::array naming_keys{std::string_view{"secret_env_var"},
                                 std::string_view{"admin_token_env"}};

/// Collects what a table and all below it name. The documents are bounded in depth by `parse_toml`.
void collect(const toml::table& from, std::vector<std::string>& out);

void collect(const toml::node& value, bool names_variable, std::vector<std::string>& out) {
  constexpr std::string_view scheme = "env:";
  if (const auto* text = value.as_string()) {
    std::string_view content{text->get()};
    if (names_variable)
      out.emplace_back(content);
    else if (content.starts_with(scheme))
      out.emplace_back(content.substr(scheme.size()));
  } else if (const auto* table = value.as_table()) {
    collect(*table, out);
  } else if (const auto* list = value.as_array()) {
    for (const auto& element : *list)
      collect(element, false, out);
  }
}

void collect(const toml::table& from, std::vector<std::string>& out) {
  for (auto&& [key, value] : from)
    collect(value, std::ranges::find(naming_keys, key.str()) != naming_keys.end(), out);
}

} // namespace

std::vector<std::string> name_secret_variables(const std::vector<layer>& layers) {
  std::vector<std::string> out;
  for (const auto& l : layers) {
    if (const auto* daemon = l.root["network_proxy"].as_table())
      collect(*daemon, out);
    if (const auto* permissions = l.root["permissions"].as_table())
      for (auto&& [name, profile] : *permissions)
        if (const auto* table = profile.as_table())
          if (const auto* network = (*table)["network"].as_table())
            collect(*network, out);
  }
  std::erase(out, "");
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

} // namespace proxy::config
