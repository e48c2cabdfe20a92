#define CAF_SUITE actors.told_remedy
#include "actors/told_remedy.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

CAF_TEST(what is told is what the policy says of this refusal and never of the one before) {
  told_remedy told;
  auto first = allowing({"exampel.org"});
  first.generation = 1;
  auto other = allowing({"x.test"}, {"example.org"});
  other.generation = 2;
  denial unlisted;
  auto denied = unlisted;
  denied.reason = reason::denied;
  auto wrong_method = unlisted;
  wrong_method.reason = reason::method_not_allowed;
  auto https = get("example.org", 443);
  https.protocol = protocol::https_connect;
  struct row {
    const rules& in_force;
    const denial& why;
    target what;
  };
  // Each row differs from the one before in one thing; the last ones are told twice.
  for (auto& [in_force, why, what] : std::initializer_list<row>{
         {first, unlisted, get("example.org")},
         {first, unlisted, get("other.org")},
         {first, wrong_method, get("other.org")},
         {first, unlisted, get("example.org")},
         {other, unlisted, get("example.org")},
         {other, denied, get("example.org")},
         {other, denied, https},
         {other, denied, https},
       })
    for (auto style : {path_style::whole, path_style::name}) {
      CAF_MESSAGE(what.host.text() << ' ' << in_force.generation << ' ' << to_string(why.reason));
      CAF_CHECK_EQUAL(told.find(in_force, why, what, style),
                      remedy_for(in_force, why, what, style));
    }
}
