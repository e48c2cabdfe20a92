#include <algorithm>
#include <set>

#include "config/keys.hpp"
#include "config/settings.hpp"
#include "config/text.hpp"
#include "policy/domain_pattern.hpp"
#include "policy/narrowing.hpp"

namespace proxy::config {

namespace {

policy::placed_text placed_at_run_time(const std::string& text) {
  return {text, std::string{policy::added_at_run_time}, 0, 0};
}

/// Makes the patterns of run time, those of before and those that are new, the ones in force.
class adding {
public:
  adding(const settings& managed, const std::string& profile, settings& effective, report& out)
    : managed_(managed), profile_(profile), effective_(effective), out_(out) {}

  void keep(const added_patterns& before) {
    added_.denied = before.denied; // more denials are always allowed
    for (const auto& text : before.allowed) {
      if (may_allow(text))
        added_.allowed.push_back(text);
      else
        out_.warning(
          managed_.where(managed_.has("allowed_domains") ? "allowed_domains" : "domains"),
          shown("allowed_domains"),
          excerpt(text) + " was added at run time and is dropped: managed config does "
                          "not allow it");
    }
  }

  void allow(const std::string& text) {
    if (auto pattern = read(text, "allowed_domains")) {
      if (may_allow(*pattern))
        add(*pattern, "allowed_domains", added_.allowed, added_.denied);
      else
        out_.error({}, shown("allowed_domains"),
                   excerpt(*pattern) + " cannot be added: managed config does not allow it");
    }
  }

  void deny(const std::string& text) {
    if (auto pattern = read(text, "denied_domains"))
      add(*pattern, "denied_domains", added_.denied, added_.allowed);
  }

  void finish() {
    append(added_.allowed, effective_.config.allowed_domains);
    append(added_.denied, effective_.config.denied_domains);
    effective_.config.added = std::move(added_);
  }

private:
  /// @returns it in normal form.
  std::optional<std::string> read(const std::string& text, std::string_view list) {
    auto pattern = policy::domain_pattern::parse(trim(text));
    if (pattern)
      return pattern->str();
    out_.error({}, shown(list), context_of(pattern.error()));
    return std::nullopt;
  }

  /// The one that came last counts, among those of run time.
  void add(const std::string& pattern, std::string_view list, std::vector<std::string>& to,
           std::vector<std::string>& other) {
    std::erase(other, pattern);
    if (std::ranges::find(to, pattern) != to.end())
      return;
    if (added_.allowed.size() + added_.denied.size() >= max_added_patterns)
      return out_.error({}, shown(list),
                        excerpt(pattern) + " is one too many: " +
                          std::to_string(max_added_patterns) + " can be added at run time");
    to.push_back(pattern);
  }

  [[nodiscard]] bool may_allow(const std::string& text) const {
    return !managed_.bounds_allowed() ||
           policy::widened_allows(managed_.config.allowed_domains, {placed_at_run_time(text)})
             .empty();
  }

  /// Those that the list does not have yet.
  static void append(const std::vector<std::string>& added, std::vector<policy::placed_text>& to) {
    if (added.empty())
      return;
    std::set<std::string> listed;
    for (const auto& rule : to)
      listed.insert(rule.text);
    for (const auto& text : added)
      if (!listed.contains(text))
        to.push_back(placed_at_run_time(text));
  }

  [[nodiscard]] std::string shown(std::string_view list) const {
    return full_name(key_named(list), profile_);
  }

  const settings& managed_;
  const std::string& profile_;
  settings& effective_;
  report& out_;
  added_patterns added_;
};

} // namespace

void add_patterns(const sources& from, const settings& managed, const std::string& profile,
                  settings& effective, report& out) {
  adding now{managed, profile, effective, out};
  now.keep(from.added);
  for (const auto& text : from.adds.allowed)
    now.allow(text);
  for (const auto& text : from.adds.denied)
    now.deny(text);
  now.finish();
}

} // namespace proxy::config
