#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "policy/evaluate.hpp"

namespace proxy::policy::test {

/// Rules from patterns, one per line of `file`.
inline std::vector<rule> rules_of(const std::vector<std::string>& patterns,
                                  const std::string& file = "config.toml") {
  std::vector<rule> out;
  for (auto& text : patterns)
    out.push_back({text, file, static_cast<uint32_t>(out.size() + 1), 1});
  return out;
}

/// The compiled set; nullptr when a pattern does not hold.
inline pattern_set_ptr set_of(const std::vector<std::string>& patterns) {
  std::vector<pattern_set::problem> problems;
  return pattern_set::compile(rules_of(patterns), problems);
}

/// Enabled rules in full mode with two lists.
inline rules allowing(const std::vector<std::string>& allowed,
                      const std::vector<std::string>& denied = {}) {
  rules out;
  out.enabled = true;
  out.allowed = set_of(allowed);
  out.denied = set_of(denied);
  return out;
}

/// A plain GET.
inline target get(std::string_view name, uint16_t port = 80) {
  auto parsed = host::parse(name);
  return {protocol::http, parsed ? *parsed : host{}, port, "GET", false};
}

inline ip_address ip(std::string_view text) {
  return ip_address::parse(text).value_or(ip_address{});
}

} // namespace proxy::policy::test
