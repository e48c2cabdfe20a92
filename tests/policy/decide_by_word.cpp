#define CAF_SUITE policy.decide_by_word
#include "policy/decide.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using texts = std::vector<std::string>;

} // namespace

CAF_TEST(a decider may overrule not_allowed and nothing else) {
  auto in_force = allowing({}, {"denied.test"});
  auto allowed = answered(in_force, get("a.test"));
  CAF_REQUIRE_EQUAL(said(allowed), "allow");
  CAF_CHECK(std::get<permit>(allowed).rule() == nullptr);
  CAF_CHECK_EQUAL(to_string(std::get<permit>(allowed).source()), "decider");
  // Its allow still goes through the addresses.
  auto with_addresses = [&](const texts& addresses) {
    auto at = ips(addresses);
    auto what = get("a.test");
    return said(
      decide(in_force, {.to = what, .answer = &yes, .leads_to = destination{.addresses = at}}));
  };
  CAF_CHECK_EQUAL(with_addresses({"10.0.0.1"}), "not_allowed_local");
  CAF_CHECK_EQUAL(with_addresses({"1.1.1.1"}), "allow");
  for (auto& name : texts{"denied.test", "127.0.0.1"}) {
    CAF_CHECK_EQUAL(said(answered(in_force, get(name))), said(decided(in_force, get(name))));
    CAF_CHECK_NOT_EQUAL(said(answered(in_force, get(name))), "allow");
  }
  // And through the mode.
  set_mode(in_force, mode::limited);
  auto post = get("a.test");
  post.method = "POST";
  CAF_CHECK_EQUAL(said(decided(in_force, post)), "not_allowed");
  CAF_CHECK_EQUAL(said(answered(in_force, post)), "method_not_allowed");
}

CAF_TEST(a word on what the rules allow by themselves changes nothing) {
  auto in_force = allowing({"a.test"});
  for (auto how : {decision::allow, decision::deny, decision::ask}) {
    answer word{.decision = how};
    auto judged = answered(in_force, get("a.test"), word);
    CAF_REQUIRE_EQUAL(said(judged), "allow");
    CAF_CHECK(std::get<permit>(judged).source() == source::baseline_policy);
  }
}

CAF_TEST(a refusing decider gives its reason) {
  auto in_force = allowing({}, {"denied.test"});
  auto refused = [&](decision how, std::string_view words, std::string_view name = "a.test") {
    return std::get<denial>(answered(in_force, get(name), {.decision = how, .words = words}));
  };
  CAF_CHECK_EQUAL(reason_text(refused(decision::deny, "")), "policy_denied");
  auto own = refused(decision::ask, "ask the owner");
  CAF_CHECK_EQUAL(reason_text(own), "ask the owner");
  CAF_CHECK_EQUAL(to_string(own.reason), "policy_denied");
  CAF_CHECK_EQUAL(to_string(own.decision), "ask");
  CAF_CHECK_EQUAL(to_string(own.source), "decider");
  auto named = refused(decision::deny, "not_allowed");
  CAF_CHECK_EQUAL(refusal_of(named.reason).x_proxy_error, "blocked-by-allowlist");
  auto other = refused(decision::ask, "x", "denied.test");
  CAF_CHECK_EQUAL(to_string(other.source), "baseline_policy");
}

CAF_TEST(only what a word alone would lift is a question) {
  auto in_force = allowing({"a.test"}, {"denied.test"});
  in_force.asks_unlisted = true;
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  CAF_CHECK_EQUAL(judge(in_force, get("a.test")), "allow");
  CAF_CHECK_EQUAL(judge(in_force, get("denied.test")), "denied");
  CAF_CHECK_EQUAL(judge(in_force, get("127.0.0.1")), "not_allowed_local");
  CAF_CHECK_EQUAL(judge(in_force, get("other.test")), "ask");
  // Nobody is asked where the hooks or the mode refuse it as well.
  CAF_CHECK_EQUAL(judge(in_force, get("api.test")), "not_allowed");
  auto post = get("other.test");
  post.method = "POST";
  CAF_CHECK_EQUAL(judge(in_force, post), "ask");
  set_mode(in_force, mode::limited);
  CAF_CHECK_EQUAL(judge(in_force, post), "not_allowed");
  // Without an answer it comes to what it was.
  auto asked = decided(in_force, get("other.test"));
  auto& unanswered = std::get<question>(asked).unanswered();
  CAF_CHECK(unanswered.reason == reason::not_allowed);
  CAF_CHECK(unanswered.decision == decision::deny);
  CAF_CHECK_EQUAL(std::get<question>(asked).to().host.text(), "other.test");
  CAF_CHECK_EQUAL(said(why_not(in_force, {.to = get("other.test")})), "not_allowed");
}

CAF_TEST(a decider does not lead around hooks) {
  auto in_force = allowing({});
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  CAF_CHECK_EQUAL(said(answered(in_force, get("api.test"))), "mitm_required");
  CAF_CHECK_EQUAL(said(answered(in_force, get("b.test"))), "allow");
}
