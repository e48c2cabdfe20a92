#define CAF_SUITE config.toml
#include "config/toml.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy::config;

namespace {

std::string repeated(std::string_view part, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i)
    result += part;
  return result;
}

} // namespace

CAF_TEST(nodes and keys know where they stand) {
  auto parsed = parse_toml("a = 1\n[b.c]\nd = [\"x\",\n  \"y\"]\n'q w' = true\n");
  CAF_REQUIRE(parsed.table.has_value());
  const auto& list = *(*parsed.table)["b"]["c"]["d"].as_array();
  CAF_CHECK_EQUAL(list[1].source().begin.line, 4u);
  CAF_CHECK_EQUAL(list[1].source().begin.column, 3u);
  for (auto&& [key, node] : *(*parsed.table)["b"]["c"].as_table()) {
    CAF_CHECK_EQUAL(key.source().begin.column, 1u);
    CAF_CHECK_EQUAL(key.source().begin.line, key == "d" ? 3u : 5u);
  }
}

CAF_TEST(hostile documents are refused and not crashed on) {
  std::string headers;
  std::string dotted;
  for (size_t i = 0; i < 10'001; ++i) {
    headers += "[t" + std::to_string(i) + "]\n";
    dotted += "k" + std::to_string(i) + ".x = 1\n";
  }
  struct row {
    std::string text, failure;
  };
  for (auto& [text, failure] : std::initializer_list<row>{
         {repeated("[", 1'000'000), "malformed document"},
         {"a = " + repeated("[", 1'000'000), "nested"},
         {"a = " + repeated("{a = ", 500'000), "nested"},
         {"[a" + repeated(".a", 500'000) + "]", "a dotted key has more than 64 parts"},
         {"a" + repeated(".a", 500'000) + " = 1", "a dotted key has more than 64 parts"},
         {repeated("\"\".", 500'000), "a dotted key has more than 64 parts"},
         {"x = {a" + repeated(" . 'a.b'", 64) + " = 1}", "a dotted key has more than 64 parts"},
         {"x = {s = \"\"\"y\"\"\"\", a" + repeated(".a", 500'000) + " = 1}",
          "a dotted key has more than 64 parts"},
         {headers, "more than 10000 table headers and dotted keys"},
         {dotted, "more than 10000 table headers and dotted keys"},
         {"a = \"\\", ""},
         {"a = \"\"\"\\", ""},
         {"a = '", ""},
         {"a = \"\xff\"", "utf-8"},
         {std::string("\0", 1), ""},
         {"\xd0\x96 = 1", ""}, // characters the library cannot classify
         {"a = 1 \xd0\x96", ""},
         {"a = \"\"\"\\ \xd0\x96\"\"", ""},
       }) {
    CAF_MESSAGE(text.substr(0, 60));
    auto parsed = parse_toml(text);
    CAF_CHECK(!parsed.table);
    CAF_CHECK(proxy::config::test::contains(parsed.failure, failure));
  }
}

CAF_TEST(bounds leave room for what is written in earnest) {
  auto long_list = "a = [" + repeated("\"a.b.c.d.example\",\n", 20'000) + "]\n";
  for (const auto& text : {
         "[a" + repeated(".a", 63) + "]",
         "a = " + repeated("[", 31) + repeated("]", 31),
         long_list,
         repeated("# a.b = [x]\n", 20'000),
         "a = \"" + repeated(".", 1000) + "\"",
         "a = '''" + repeated("\n[x]\na.b = 1", 20'000) + "'''",
         "a = \"\"\"" + repeated("\n[x]\\\" \"\"", 20'000) + " \"\"\"\"\"\nb = 1",
         std::string{"\xef\xbb\xbf# \xd0\x96\na = \"\xd0\x96\"\n\"\xd0\x96\" = 'x'\n"},
       }) {
    CAF_MESSAGE(text.substr(0, 60));
    auto parsed = parse_toml(text);
    CAF_CHECK_EQUAL(parsed.failure, std::string{});
    CAF_CHECK(parsed.table.has_value());
  }
}

CAF_TEST(the place of a failure is exact) {
  auto parsed = parse_toml("a = 1\nb = = 2\n");
  CAF_CHECK_EQUAL(parsed.line, 2u);
  CAF_CHECK_EQUAL(parsed.column, 5u);
  parsed = parse_toml("a = 1\n\n  a" + repeated(".a", 64) + " = 1\n");
  CAF_CHECK_EQUAL(parsed.line, 3u);
  CAF_CHECK_EQUAL(parsed.column, 3u + 2 * 64 - 1);
}
