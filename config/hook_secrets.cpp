#include <algorithm>

#include "config/hooks.hpp"
#include "config/text.hpp"

namespace proxy::config {

namespace {

/// A name or path as messages show it: bare, unless that could confuse a terminal.
std::string bare(const std::string& text) {
  auto printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c != 0x7f; });
  return printable ? text : excerpt(text);
}

/// Fetches one secret. @returns what is wrong, "" when nothing is.
std::string fetch(const policy::hook_injection& of,
                  const std::function<std::optional<std::string>(const std::string&)>& env,
                  std::string& into) {
  if (of.secret_file.empty()) {
    auto value = env(of.secret_env_var);
    if (!value)
      return "missing required environment variable " + bare(of.secret_env_var);
    into = std::move(*value);
    return {};
  }
  auto content = read_file(of.secret_file, max_secret_bytes);
  if (!content.failure.empty())
    return "failed to read secret file " + bare(of.secret_file) + ": " + content.failure;
  into = std::string{trim(content.text)};
  return {};
}

void refuse(const policy::hook_injection& injection, size_t hook, const std::string& name,
            const std::string& why, report& out) {
  out.error({injection.where.file, injection.where.line, injection.where.column},
            name + "[" + std::to_string(hook) + "].actions.inject_request_headers",
            "failed to compile injected header " + injection.name + ": " + why);
}

std::string invalid_value(const policy::hook_injection& injection) {
  return "invalid value for injected header " + injection.name;
}

} // namespace

bool is_header_value(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (c >= ' ' && c < 0x7f); });
}

void resolve_secrets(std::vector<policy::mitm_hook>& hooks,
                     const std::function<std::optional<std::string>(const std::string&)>& env,
                     const std::string& name, report& out) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    for (auto& injection : hooks[i].inject_request_headers) {
      std::string secret;
      auto why = fetch(injection, env, secret);
      auto value = injection.prefix + secret;
      if (why.empty() && !is_header_value(value))
        why = invalid_value(injection);
      if (why.empty())
        injection.value = policy::secret{std::move(value)};
      else
        refuse(injection, i, name, why, out);
    }
  }
}

void check_prefixes(const std::vector<policy::mitm_hook>& hooks, const std::string& name,
                    report& out) {
  for (size_t i = 0; i < hooks.size(); ++i)
    for (const auto& injection : hooks[i].inject_request_headers)
      if (!is_header_value(injection.prefix))
        refuse(injection, i, name, invalid_value(injection), out);
}

} // namespace proxy::config
