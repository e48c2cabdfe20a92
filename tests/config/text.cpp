#define CAF_SUITE config.text
#include "config/text.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace std::chrono_literals;

CAF_TEST(durations are read with their units and written back) {
  struct row {
    std::string_view text;
    std::chrono::milliseconds value;
    std::string again;
  };
  for (auto& [text, value, again] : std::initializer_list<row>{
         {"30s", 30s, "30s"},
         {"500ms", 500ms, "500ms"},
         {"1h30m", 90min, "1h30m"},
         {"90m", 90min, "1h30m"},
         {"2d1h1m1s1ms", 176'461'001ms, "2d1h1m1s1ms"},
         {"0s", 0ms, "0s"},
         {"0ms", 0ms, "0s"},
         {" 5s ", 5s, "5s"},
         {"007s", 7s, "7s"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = unbox(parse_duration(text));
    CAF_CHECK_EQUAL(parsed.count(), value.count());
    CAF_CHECK_EQUAL(duration_text(parsed), again);
  }
}

CAF_TEST(what is no duration is refused) {
  for (std::string_view text :
       {"", " ", "30", "s", "30 s", "-5s", "+5s", "1.5s", "5sec", "5S", "1m1h", "1s1s", "1h30",
        "99999999999999999999s", "9223372036854775807d", "106751991167d1d", "0x5s"}) {
    CAF_MESSAGE("<" << text << ">");
    CAF_CHECK_EQUAL(proxy::test::error_of(parse_duration(text)), errc::invalid_config);
  }
}

CAF_TEST(sizes are read with their units and written back) {
  struct row {
    std::string_view text;
    uint64_t value;
    std::string again;
  };
  for (auto& [text, value, again] : std::initializer_list<row>{
         {"64KiB", 65'536, "64KiB"},
         {"10MB", 10'000'000, "10000000B"},
         {"10kB", 10'000, "10000B"},
         {"1mib", 1 << 20, "1MiB"},
         {"2GiB", 2ULL << 30, "2GiB"},
         {"1GB", 1'000'000'000, "1000000000B"},
         {"4096B", 4096, "4KiB"},
         {"0B", 0, "0"},
         {"0", 0, "0"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = unbox(parse_size(text));
    CAF_CHECK_EQUAL(parsed, value);
    CAF_CHECK_EQUAL(size_text(parsed), again);
  }
}

CAF_TEST(what is no size is refused) {
  for (std::string_view text : {"", "64", "64K", "KiB", "64 KiB", "1.5MB", "-1B", "1KiB1B",
                                "99999999999999999999B", "9223372036854775807GiB"}) {
    CAF_MESSAGE("<" << text << ">");
    CAF_CHECK_EQUAL(proxy::test::error_of(parse_size(text)), errc::invalid_config);
  }
}

CAF_TEST(quoted text is safe on a terminal and reads back as TOML) {
  CAF_CHECK_EQUAL(in_quotes("a\"b\\c\n\x1b[31m\x7f"),
                  std::string{"\"a\\\"b\\\\c\\u000a\\u001b[31m\\u007f\""});
  CAF_CHECK_EQUAL(excerpt(std::string(79, 'x') + "\xc3\xa4" + "y"),
                  "\"" + std::string(79, 'x') + "\"…");
  CAF_CHECK_EQUAL(toml_key("plain-key_1"), std::string{"plain-key_1"});
  CAF_CHECK_EQUAL(toml_key("a.b"), std::string{"\"a.b\""});
  CAF_CHECK_EQUAL(toml_key(""), std::string{"\"\""});
}
