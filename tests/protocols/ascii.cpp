#define CAF_SUITE protocols.ascii
#include "protocols/ascii.hpp" // unit under test

#include <string>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

/// What it has to be, a character at a time.
bool are_equal(char a, char b) { return ascii::to_lower(a) == ascii::to_lower(b); }

} // namespace

CAF_TEST(texts are equal when all their characters are but for case) {
  for (size_t size = 1; size <= 20; ++size)
    for (size_t at = 0; at < size; ++at)
      for (int a = 0; a < 256; ++a)
        for (int b : {a, a ^ 0x20, a ^ 0x80, a + 1, int{'A'}, int{'z'}, 0x40, 0x5b, 0x60, 0x7b}) {
          std::string left(size, 'x'), right(size, 'X');
          left[at] = static_cast<char>(a);
          right[at] = static_cast<char>(b);
          if (ascii::equals_ignoring_case(left, right) != are_equal(left[at], right[at]))
            CAF_FAIL("size " << size << " at " << at << ": " << a << " and " << b);
        }
}

CAF_TEST(texts of other sizes are not equal) {
  CAF_CHECK(!ascii::equals_ignoring_case("content-length", "content-lengt"));
  CAF_CHECK(!ascii::equals_ignoring_case("", "a"));
  CAF_CHECK(ascii::equals_ignoring_case("", ""));
}

CAF_TEST(it can be used at compile time) {
  static_assert(ascii::equals_ignoring_case("Content-Length", "content-length"));
  static_assert(!ascii::equals_ignoring_case("Content-Length", "content-lengths"));
  static_assert(ascii::to_lower('Q') == 'q' && ascii::to_lower('[') == '[');
}
