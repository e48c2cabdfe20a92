#include "actors/control/policy/policy_document.hpp"

#include <algorithm>

namespace proxy {

config::problem problem_of(std::string key, std::string message) {
  config::problem p;
  p.key = std::move(key);
  p.message = std::move(message);
  return p;
}

bool has_error(const std::vector<config::problem>& problems) noexcept {
  return std::any_of(problems.begin(), problems.end(),
                     [](const auto& p) { return p.level == config::problem::severity::error; });
}

} // namespace proxy
