#include "policy/lint.hpp"

#include <libpsl.h>
#include <unordered_map>

#include "policy/containment.hpp"

namespace proxy::policy {

namespace {

using shape = domain_pattern::kind;

std::string place(const rule& r) {
  if (r.file.empty())
    return "";
  return " (" + r.file + (r.line != 0 ? ':' + std::to_string(r.line) : "") + ')';
}

std::string with_port(std::string name, const domain_pattern& like) {
  return like.port() ? name + ':' + std::to_string(*like.port()) : name;
}

/// `*.x` where x itself is in no pattern of the list: the apex is easily forgotten.
std::string apex_missing(const domain_pattern& pattern, const containment& list) {
  if (pattern.shape() != shape::below)
    return "";
  auto apex = domain_pattern::parse(with_port(pattern.name(), pattern));
  if (!apex || list.find(*apex))
    return "";
  return "matches only what lies below " + pattern.name() + ", not " + pattern.name() +
         " itself; write **." + with_port(pattern.name(), pattern) + " for both";
}

/// A pattern over names of many owners: `*.com`, `*.co.uk`, `api*.github.io`.
std::string public_suffix(const domain_pattern& pattern) {
  auto name = pattern.name();
  if (pattern.shape() == shape::glob) {
    auto dot = name.find('.', name.find_last_of("*?"));
    name = dot == std::string::npos ? "" : name.substr(dot + 1);
    if (name.empty())
      return "its last label is a wildcard, so it matches hosts of many owners";
  } else if (pattern.shape() != shape::below && pattern.shape() != shape::apex_and_below) {
    return "";
  }
  // Without the star rule a name that the list does not know, like `internal`, is no public suffix.
  if (psl_is_public_suffix2(psl_builtin(), name.c_str(), PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 1)
    return "";
  return name + " is a public suffix: this matches hosts of many owners";
}

/// `127.0.0.?`: patterns with wildcards are about names, and a name never looks like this.
std::string address_with_wildcards(const domain_pattern& pattern) {
  if (pattern.shape() != shape::glob ||
      pattern.name().find_first_not_of("0123456789.*?") != std::string::npos)
    return "";
  return "never matches: wildcards do not apply to addresses; use a prefix like 10.0.0.0/8";
}

std::string denied_anyway(const domain_pattern& pattern, const containment& denied) {
  auto by = denied.find(pattern);
  return by ? "never matches: denied by " + by->text + place(*by) : "";
}

/// Warnings for one list. `denied` is null for the denied list itself.
void look_over(const std::vector<rule>& rules, const containment* denied,
               std::vector<lint_warning>& out) {
  containment list{rules};
  std::unordered_map<std::string, const rule*> seen;
  for (auto& r : rules) {
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern)
      continue;
    auto warn = [&](std::string message) {
      if (!message.empty())
        out.push_back({r, std::move(message)});
    };
    if (auto [first, is_new] = seen.emplace(pattern->str(), &r); !is_new) {
      warn("the same as " + first->second->text + place(*first->second));
      continue;
    }
    if (auto fault = address_with_wildcards(*pattern); !fault.empty()) {
      warn(std::move(fault));
      continue;
    }
    warn(apex_missing(*pattern, list));
    if (denied) {
      warn(public_suffix(*pattern));
      warn(denied_anyway(*pattern, *denied));
    }
  }
}

} // namespace

std::vector<lint_warning> lint(const std::vector<rule>& allowed, const std::vector<rule>& denied) {
  std::vector<lint_warning> out;
  containment refused{denied};
  look_over(allowed, &refused, out);
  look_over(denied, nullptr, out);
  return out;
}

} // namespace proxy::policy
