#define CAF_SUITE protocols.known_word
#include "protocols/known_word.hpp" // unit under test

#include <string>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

/// With one character of the word put in the place of each other, in turn.
template <ascii::known_word Word>
void check_each_character() {
  const std::string word{Word.letters.begin(), Word.letters.end()};
  CAF_CHECK(ascii::is<Word>(word));
  CAF_CHECK(!ascii::is<Word>(word + "x"));
  CAF_CHECK(!ascii::is<Word>(std::string_view{word}.substr(1)));
  CAF_CHECK(!ascii::is<Word>(""));
  for (size_t at = 0; at < word.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      auto text = word;
      text[at] = static_cast<char>(c);
      if (ascii::is<Word>(text) != ascii::equals_ignoring_case(text, word))
        CAF_FAIL(word << " with " << c << " at " << at);
    }
}

} // namespace

CAF_TEST(a known word is found whatever the case of its letters and nothing else is) {
  check_each_character<"Q">();
  check_each_character<"te">();
  check_each_character<"via">();
  check_each_character<"host">();
  check_each_character<"x[a]-1{">();
  check_each_character<"XN--0123">();
  check_each_character<"expect:@`">();
  check_each_character<"Content-Length">();
  check_each_character<"connection keep-">();
  check_each_character<"proxy-authentication-info">();
}

CAF_TEST(a known word may be shouted) {
  CAF_CHECK(ascii::is<"content-length">("CONTENT-LENGTH"));
  CAF_CHECK(!ascii::is<"content-length">("CONTENT_LENGTH"));
}
