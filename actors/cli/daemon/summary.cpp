#include "actors/cli/daemon/summary.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace proxy::cli {

namespace {

constexpr size_t max_lines = 20;

std::string describe(const decision_event& b) {
  auto text = (b.method.empty() ? std::string{policy::to_string(b.protocol)} : b.method) + ' ' +
              b.listed_host() + ':' + std::to_string(b.port) + ' ';
  text += b.reason_text();
  return b.rule.empty() ? text : text + " (" + b.rule + ')';
}

} // namespace

std::string summary_of(blocked_page refused) {
  // The question who asks is how many clients begin: they answer it and go on.
  refused.total -= std::erase_if(
    refused.entries, [](const auto& b) { return b->reason == policy::reason::client_required; });
  if (refused.total == 0)
    return "";
  std::map<std::string, size_t> counts;
  for (auto& b : refused.entries)
    ++counts[describe(*b)];
  std::vector<std::pair<std::string, size_t>> lines{counts.begin(), counts.end()};
  std::stable_sort(lines.begin(), lines.end(),
                   [](auto& a, auto& b) { return a.second > b.second; });
  auto out = "codex-network-proxy: " + std::to_string(refused.total) +
             (refused.total == 1 ? " request was refused\n" : " requests were refused\n");
  for (size_t i = 0; i < std::min(lines.size(), max_lines); ++i)
    out += "  " + std::to_string(lines[i].second) + " x " + lines[i].first + '\n';
  if (lines.size() > max_lines)
    out += "  and " + std::to_string(lines.size() - max_lines) + " more\n";
  if (refused.total > refused.entries.size())
    out += "  (only the last " + std::to_string(refused.entries.size()) + " are listed)\n";
  return out;
}

} // namespace proxy::cli
