#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "policy/rules.hpp"

namespace proxy::policy::test {

/// Rules from patterns, one per line of `file`.
inline std::vector<placed_text> rules_of(const std::vector<std::string>& patterns,
                                         const std::string& file = "config.toml") {
  std::vector<placed_text> out;
  for (auto& text : patterns)
    out.push_back({text, file, static_cast<uint32_t>(out.size() + 1), 1});
  return out;
}

/// The compiled set; nullptr when a pattern does not hold.
inline pattern_set_ptr set_of(const std::vector<std::string>& patterns) {
  std::vector<pattern_set::problem> problems;
  return pattern_set::compile(rules_of(patterns), problems);
}

/// The table of some lists; nullptr when a pattern does not hold.
inline rule_table_ptr table_of(plain_lists lists) {
  std::vector<rule_table::problem> problems;
  return rule_table::compile(rules_from(std::move(lists)), problems);
}

/// Enabled rules in full mode with two lists.
inline rules allowing(const std::vector<std::string>& allowed,
                      const std::vector<std::string>& denied = {}) {
  rules out;
  out.enabled = true;
  out.table = table_of({.allowed = rules_of(allowed), .denied = rules_of(denied)});
  return out;
}

/// What a table was made of, where it was made of lists.
inline plain_lists lists_in(const rules& of) {
  auto& table = *of.table;
  return {.allowed = table.patterns(action::allow),
          .denied = table.patterns(action::deny),
          .hooks = table.hooks() ? table.hooks()->hooks() : std::vector<mitm_hook>{},
          .mode = of.mode};
}

inline void set_hooks(rules& of, const hook_set_ptr& hooks) {
  auto lists = lists_in(of);
  lists.hooks = hooks->hooks();
  of.table = table_of(std::move(lists));
}

inline void set_mode(rules& of, mode to) {
  of.mode = to;
  of.table = table_of(lists_in(of));
}

inline void set_lists(rules& of, const std::vector<std::string>& allowed,
                      const std::vector<std::string>& denied = {}) {
  auto lists = lists_in(of);
  lists.allowed = rules_of(allowed);
  lists.denied = rules_of(denied);
  of.table = table_of(std::move(lists));
}

/// Adds rules to those that lists came to.
inline void add_rules(rules& of, std::vector<rule> more) {
  auto all = rules_from(lists_in(of));
  for (auto& one : more)
    all.push_back(std::move(one));
  std::vector<rule_table::problem> problems;
  of.table = rule_table::compile(std::move(all), problems);
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
