#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/actors/serve/worker/shard_fixture.hpp"
#include "tests/policy/rules.hpp"

namespace proxy::test {

/// A shard under rules of their own beside the lists of a configuration.
struct rules_fixture : shard_fixture {
  /// @param change  What else the rules say.
  snapshot_ptr with_rules(const prepared& base, std::vector<policy::rule> more,
                          const std::function<void(policy::rules&)>& change = nullptr) {
    auto next = std::make_shared<snapshot>(*base.next);
    auto rules = std::make_shared<policy::rules>(*next->rules);
    policy::test::add_rules(*rules, std::move(more));
    CAF_REQUIRE(rules->table);
    if (change)
      change(*rules);
    next->rules = std::move(rules);
    return next;
  }
  /// @returns how many tunnels that closed.
  uint64_t install_rules(const std::string& lines, std::vector<policy::rule> more,
                         const std::function<void(policy::rules&)>& change = nullptr) {
    auto base = compiled("enabled = true\n" + lines);
    in_force = with_rules(base, std::move(more), change);
    return answer<uint64_t>(atom::install_v, in_force, base.listeners);
  }

  /// What the last refusal says of itself; "" when there was none.
  std::string refusal() {
    auto page = answer<blocked_page>(atom::blocked_v);
    if (page.entries.empty())
      return {};
    const auto& last = *page.entries.back();
    return std::string{last.reason_text()} + ", " + std::string{policy::to_string(last.source)} +
           ", " + std::string{policy::to_string(last.decision)};
  }

  /// What becomes of a request: `far` is set when it goes to the origin.
  /// @returns "through", or the first line of the answer.
  std::string outcome_of(far_end& c, const std::string& head) {
    far = far_end{};
    c.send(head);
    CAF_REQUIRE(run_until([&] { return (far = origin.accept()).fd >= 0 || c.hears("\r\n"); }));
    return far.fd >= 0 ? "through" : c.text.substr(0, c.text.find("\r\n"));
  }
  [[nodiscard]] std::string get(const std::string& fields = {}) const {
    return "GET http://" + origin.authority() + "/x HTTP/1.1\r\nHost: " + origin.authority() +
           "\r\n" + fields + "\r\n";
  }
  [[nodiscard]] std::string connect_head(const std::string& fields = {}) const {
    return "CONNECT " + origin.authority() + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\n" +
           fields + "\r\n";
  }

  static policy::rule rule_for(policy::action act, const std::string& pattern) {
    return {.id = "the rule",
            .where = {"the rule", "rules.toml", 3, 1},
            .act = act,
            .hosts = {{pattern, "rules.toml", 3, 1}}};
  }

  snapshot_ptr in_force;
  scripted_origin origin;
  far_end far;
};

} // namespace proxy::test
