#include "actors/cli/child/env_format.hpp"

#include <nlohmann/json.hpp>

#include "actors/clients/shell.hpp"

namespace proxy::cli {

namespace {

/// In single quotes, for fish, which knows two escapes inside them.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (auto c : text) {
    if (c == '\'' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '\'';
}

/// For a `.env` file: its readers agree on single quotes, and where a value has those itself, on
/// double ones.
std::string dotenv_quoted(std::string_view text) {
  if (shell_word(text) == text || text.empty())
    return std::string{text};
  if (text.find('\'') == std::string_view::npos)
    return shell_quoted(text);
  std::string out = "\"";
  for (auto c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '`')
      out += '\\';
    out += c;
  }
  return out + '"';
}

} // namespace

std::optional<env_format> env_format_named(std::string_view name) noexcept {
  constexpr std::pair<std::string_view, env_format> names[] = {{"sh", env_format::sh},
                                                               {"fish", env_format::fish},
                                                               {"json", env_format::json},
                                                               {"dotenv", env_format::dotenv}};
  for (auto& [text, format] : names)
    if (text == name)
      return format;
  return std::nullopt;
}

std::string format_variables(std::span<const variable> all, env_format format) {
  if (format == env_format::json) {
    auto object = nlohmann::ordered_json::object();
    for (auto& v : all)
      object[v.name] = v.value;
    return object.dump(2) + '\n';
  }
  std::string out;
  for (auto& v : all)
    switch (format) {
      case env_format::sh: out += "export " + v.name + '=' + shell_quoted(v.value) + '\n'; break;
      case env_format::fish: out += "set -gx " + v.name + ' ' + fish_quoted(v.value) + '\n'; break;
      default: out += v.name + '=' + dotenv_quoted(v.value) + '\n'; break;
    }
  return out;
}

} // namespace proxy::cli
