#define CAF_SUITE protocols.percent
#include "protocols/percent.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(what is encoded is decoded and what is broken is none) {
  struct row {
    std::string_view text;
    std::optional<std::string> wanted;
  } rows[] = {
    {"", ""},         {"plain+text", "plain+text"},
    {"a%20b", "a b"}, {"%c3%BC", "\xc3\xbc"},
    {"%", {}},        {"%2", {}},
    {"%2g", {}},      {"%0a", {}},
    {"\n", {}},       {"%7f", {}},
  };
  for (const auto& [text, wanted] : rows)
    CAF_CHECK(percent_decoded(text) == wanted);
}
