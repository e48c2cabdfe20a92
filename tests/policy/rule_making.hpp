#pragma once

#include "policy/decide.hpp"
#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

/// Rules as no configuration can say them yet, and what is asked of them.

namespace proxy::policy::test {

using limits = std::shared_ptr<const request_limits>;

inline std::vector<placed_text> hosts(const std::vector<std::string>& all) {
  return rules_of(all, "rules.toml");
}

inline limits methods(const words& all) {
  request_limits out;
  out.methods = all;
  return std::make_shared<const request_limits>(std::move(out));
}

inline limits paths(const words& all) {
  request_limits out;
  out.path_prefixes = matchers(all, value_matcher::use::path);
  return std::make_shared<const request_limits>(std::move(out));
}

inline limits query_and_headers(const constraints& query, const constraints& headers) {
  request_limits out;
  out.query = constraints_of(query);
  out.headers = constraints_of(headers);
  return std::make_shared<const request_limits>(std::move(out));
}

/// Rules of their own beside two lists, with interception.
inline rules with(std::vector<rule> more, const words& allowed = {}, const words& denied = {}) {
  auto out = allowing(allowed, denied);
  out.mitm = true;
  add_rules(out, std::move(more));
  CAF_REQUIRE(out.table);
  return out;
}

inline rule rule_of(action act, std::vector<std::string> names = {"a.test"}) {
  return {
    .id = "the rule", .where = {"the rule", "rules.toml", 3, 1}, .act = act, .hosts = hosts(names)};
}

inline target by(protocol p, std::string_view name, uint16_t port = 443) {
  auto out = get(name, port);
  out.protocol = p;
  if (p == protocol::https_connect)
    out.method = "CONNECT";
  return out;
}

inline std::string ask(const rules& in_force, const target& what, const read_request& request = {},
                       const answer* word = nullptr) {
  http1::request_path scratch;
  return said(decided_in_full(in_force, what, request, scratch, word));
}

} // namespace proxy::policy::test
