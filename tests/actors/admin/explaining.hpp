#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/admin/explain.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

/// Questions to `explain` as tests put them.

namespace proxy::test {

inline policy::rules rules_of(const std::vector<std::string>& allowed,
                              const std::vector<std::string>& denied = {}) {
  auto out = policy::test::allowing(allowed, denied);
  CAF_REQUIRE(out.table);
  return out;
}

inline question asking(std::string address, std::string method = "GET",
                       std::optional<policy::protocol> protocol = std::nullopt) {
  question q;
  q.address = std::move(address);
  q.method = std::move(method);
  q.protocol = protocol;
  return q;
}

inline snapshot snapshot_of(const policy::rules& rules) {
  snapshot out;
  out.rules = std::make_shared<policy::rules>(rules);
  return out;
}

/// The whole way, with an answer of the name server given beforehand.
inline explanation explained(const snapshot& in_force, const question& q,
                             caf::expected<dns_answer> found) {
  auto what = parse_question(q);
  if (!what)
    return explain_fault(*in_force.rules, q, what.error());
  return explain(in_force, *what, found);
}

inline explanation explained(const policy::rules& rules, const question& q,
                             caf::expected<dns_answer> found = dns_answer{}) {
  return explained(snapshot_of(rules), q, std::move(found));
}

inline dns_answer addresses(std::string_view text) { return {{*ip_address::parse(text)}}; }

} // namespace proxy::test
