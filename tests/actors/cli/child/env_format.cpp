#define CAF_SUITE actors.cli.child.env_format
#include "actors/cli/child/env_format.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;

namespace {

/// A value that needs every kind of quoting.
const std::vector<variable> odd{{"A", "it's \"a\\b\" $x"}, {"B", ""}};

} // namespace

CAF_TEST(each format quotes as its reader expects) {
  CAF_CHECK_EQUAL(format_variables(odd, env_format::sh),
                  "export A='it'\\''s \"a\\b\" $x'\nexport B=''\n");
  CAF_CHECK_EQUAL(format_variables(odd, env_format::fish),
                  "set -gx A 'it\\'s \"a\\\\b\" $x'\nset -gx B ''\n");
  const std::vector<variable> dotenv{
    {"A", "b"}, {"B", ""}, {"C", "/a b/c"}, {"D", "it's \"$x\" \\"}};
  CAF_CHECK_EQUAL(format_variables(dotenv, env_format::dotenv),
                  "A=b\nB=\nC='/a b/c'\nD=\"it's \\\"\\$x\\\" \\\\\"\n");
  auto object = nlohmann::json::parse(format_variables(odd, env_format::json));
  CAF_CHECK_EQUAL(object["A"], odd[0].value);
  CAF_CHECK_EQUAL(object.size(), 2u);
  CAF_CHECK(env_format_named("fish") == env_format::fish);
  CAF_CHECK(!env_format_named("csh"));
}
