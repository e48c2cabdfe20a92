#define CAF_SUITE actors.serve.answer.told_refusal
#include "actors/serve/answer/told_refusal.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

CAF_TEST(what is told is what the policy says of this refusal and never of the one before) {
  told_refusal told;
  auto first = allowing({"exampel.org"});
  first.generation = 1;
  auto other = allowing({"x.test"}, {"example.org"});
  other.generation = 2;
  denial unlisted;
  auto denied = unlisted;
  denied.reason = reason::denied;
  auto wrong_method = unlisted;
  wrong_method.reason = reason::method_not_allowed;
  auto worded = unlisted;
  worded.words = "of a decider";
  auto https = get("example.org", 443);
  https.protocol = protocol::https_connect;
  auto inside = get("example.org", 443);
  inside.in_tunnel = true;
  answer_options usual{.request_id = "1111111111111111"};
  auto next = usual, shorter = usual, kept = usual, head = usual, page = usual, in_tunnel = usual;
  next.request_id = "2222222222222222";
  shorter.request_id = "id";
  kept.close = false;
  head.head_only = true;
  page.form = answer_form::html;
  in_tunnel.in_tunnel = true;
  struct row {
    const rules& in_force;
    const denial& why;
    target what;
    const answer_options& options;
  };
  // Each row differs from the one before in one thing; some are told twice.
  for (auto& [in_force, why, what, options] : std::initializer_list<row>{
         {first, unlisted, get("example.org"), usual},
         {first, unlisted, get("other.org"), usual},
         {first, unlisted, get("other.org", 8080), usual},
         {first, wrong_method, get("other.org", 8080), usual},
         {first, unlisted, get("example.org"), usual},
         {first, unlisted, get("example.org"), next},
         {first, unlisted, get("example.org"), next},
         {first, unlisted, get("example.org"), shorter},
         {first, unlisted, get("example.org"), usual},
         {first, worded, get("example.org"), usual},
         {other, worded, get("example.org"), usual},
         {other, denied, get("example.org"), usual},
         {other, denied, https, usual},
         {other, denied, https, next},
         {other, denied, https, in_tunnel},
         {other, denied, inside, in_tunnel},
         {other, denied, inside, usual},
         {other, denied, inside, kept},
         {other, denied, inside, usual},
         {other, denied, inside, head},
         {other, denied, inside, usual},
         {other, denied, inside, page},
         {other, denied, inside, page},
       })
    for (auto style : {path_style::whole, path_style::name}) {
      CAF_MESSAGE(what.host.text() << ' ' << in_force.generation << ' ' << to_string(why.reason));
      auto remedy = remedy_for(in_force, why, what, style);
      auto with_remedy = options;
      with_remedy.remedy = remedy;
      std::string expected, got{"before"};
      append_refusal(expected, why, what, with_remedy);
      told.append(got, in_force, why, what, style, options);
      CAF_CHECK_EQUAL(got, "before" + expected);
    }
}
