#define CAF_SUITE policy.rule_table_linear
#include "policy/rule_table.hpp" // unit under test

#include "tests/policy/linear_judge.hpp"
#include "tests/policy/random_policy.hpp"
#include "tests/support/test.hpp"

// The index against a judge without one: random policies, each asked many questions, and both have
// to say the same and name the same rule.

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

/// What `decide` says, in the words of the linear judge.
std::string by_index(const rules& in_force, const query& q) {
  auto judged = decide(in_force, q);
  auto place = [](const placed_text& by) {
    return " by " + by.text + " at " + by.file + ':' + std::to_string(by.line) + ':' +
           std::to_string(by.column);
  };
  if (auto* granted = std::get_if<permit>(&judged))
    return "allow" + place(*granted->rule());
  if (auto* asked = std::get_if<question>(&judged))
    return "ask" + place(*asked->unanswered().rule);
  auto& no = std::get<denial>(judged);
  // What the mode and hooks name is no matter of the index.
  return std::string{to_string(no.reason)} + (no.reason == reason::denied ? place(*no.rule) : "");
}

} // namespace

CAF_TEST(the index says what going through all rules says) {
  constexpr size_t policies = 250;
  constexpr size_t questions = 60;
  size_t verdicts[3]{};
  for (uint32_t seed = 1; seed <= policies; ++seed) {
    dice d{seed};
    auto all = random_rules(d);
    rules in_force;
    in_force.enabled = !d.one_in(20);
    in_force.mitm = !d.one_in(3);
    in_force.inspect = d.one_in(5);
    in_force.allow_local_binding = d.one_in(3);
    std::vector<rule_table::problem> problems;
    in_force.table = rule_table::compile(all, problems);
    for (auto& p : problems)
      CAF_MESSAGE(p.id << ": " << p.where.text << ": " << p.reason);
    CAF_REQUIRE(in_force.table);
    for (size_t i = 0; i < questions; ++i) {
      auto what = random_question(d);
      http1::request_path scratch;
      query q{.to = what.to, .by = {.client = {what.client}, .now = what.now}};
      if (what.has_request)
        q.request = request_facts{what.request.path, what.request.fields, &scratch};
      auto expected = linear_judge{all, in_force, q}.judge();
      auto found = by_index(in_force, q);
      if (found != expected)
        CAF_MESSAGE("policy " << seed << ", question " << i << ": " << what.to.host.text() << ':'
                              << what.to.port << " by " << to_string(what.to.protocol));
      CAF_REQUIRE_EQUAL(found, expected);
      ++verdicts[found.starts_with("allow") ? 0 : found.starts_with("ask") ? 1 : 2];
    }
  }
  // The questions are worth asking.
  for (auto count : verdicts)
    CAF_CHECK(count > policies * questions / 50);
}
