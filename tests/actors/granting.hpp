#pragma once

#include <optional>

#include "actors/serve/decide/pass.hpp"
#include "tests/policy/rules.hpp"

namespace proxy::test {

/// A policy in force that allows *.example, and a pass that it has granted.
class granting {
public:
  explicit granting(uint64_t generation = 0) : in_force(policy_of(generation)) {
    policy::target to = policy::test::get("a.example");
    auto judged = policy::decide(*in_force->rules, {.to = to});
    granted.emplace(std::get<policy::permit>(std::move(judged)), in_force);
  }

  static snapshot_ptr policy_of(uint64_t generation) {
    auto made = std::make_shared<snapshot>();
    made->generation = generation;
    made->config = std::make_shared<const config::proxy_config>();
    made->rules = std::make_shared<const policy::rules>(policy::test::allowing({"*.example"}));
    return made;
  }

  /// Of the policy in force; nothing when it has become another than that of the pass.
  [[nodiscard]] std::optional<fresh_pass> fresh() const { return granted->look(in_force); }

  snapshot_ptr in_force;
  std::optional<pass> granted;
};

} // namespace proxy::test
