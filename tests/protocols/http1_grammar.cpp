#define CAF_SUITE protocols.http1_grammar

#include "protocols/http1/grammar.hpp" // unit under test

#include <string>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

/// Calls `check` with texts that hold each byte at each place of two words and behind them.
template <class Check>
void for_every_byte_and_place(Check check) {
  for (int c = 0; c < 256; ++c)
    for (size_t at = 0; at < 19; ++at) {
      std::string text(19, '~');
      text[at] = static_cast<char>(c);
      check(text, c);
    }
}

} // namespace

CAF_TEST(a field value has no control characters but tabs) {
  for_every_byte_and_place([](const std::string& text, int c) {
    CAF_CHECK_EQUAL(http1::is_field_text(text), (c >= 0x20 && c != 0x7f) || c == '\t');
  });
  CAF_CHECK(http1::is_field_text(""));
}

CAF_TEST(visible ASCII has no blanks and is not empty) {
  for_every_byte_and_place([](const std::string& text, int c) {
    CAF_CHECK_EQUAL(http1::is_visible_ascii(text), c > 0x20 && c < 0x7f);
  });
  CAF_CHECK(!http1::is_visible_ascii(""));
}
