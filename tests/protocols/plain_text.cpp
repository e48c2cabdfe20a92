#define CAF_SUITE protocols.plain_text

#include "protocols/plain_text.hpp" // unit under test

#include <string>

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(every byte is told apart at every place of a word and behind it) {
  for (int c = 0; c < 256; ++c) {
    auto plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    for (size_t at = 0; at < 19; ++at) {
      std::string text(19, '~');
      text[at] = static_cast<char>(c);
      CAF_CHECK_EQUAL(plain_prefix(text), plain ? text.size() : at);
    }
  }
}

CAF_TEST(what follows a byte that is not plain does not count) {
  CAF_CHECK_EQUAL(plain_prefix(""), 0u);
  CAF_CHECK_EQUAL(plain_prefix("12345678\n2345678"), 8u);
  CAF_CHECK_EQUAL(plain_prefix("\"!\"!\"!\"!"), 0u);
  CAF_CHECK_EQUAL(plain_prefix(std::string(64, ' ') + "\x80"), 64u);
}
