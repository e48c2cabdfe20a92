#pragma once

#include <string>
#include <utility>
#include <vector>

#include "actors/embed/decider_pool.hpp"
#include "tests/actors/embed/heard.hpp"
#include "tests/support/test.hpp"

#undef allow // a macro of caf/test/dsl.hpp, and a word of deciders

/// Deciders of a program as loops meet them.

namespace proxy::test {

/// A word, as "allow", "deny REASON", "ask REASON" or "none".
inline std::string said(const caf::expected<decider_word>& word) {
  if (!word)
    return "none";
  std::string out{policy::to_string(word->decision)};
  return word->words.empty() ? out : out + ' ' + word->words;
}

inline open_question question_about(uint64_t number, const std::string& name = "example.com") {
  open_question what;
  what.number = number;
  what.to.host = *host::parse(name);
  what.to.port = 443;
  return what;
}

/// The words that came, with the numbers of their questions: "1 allow". It has to outlive the
/// question.
class words : public heard<std::string> {
public:
  void ask(outside_decider& whom, const open_question& what) {
    whom.ask(what, [this, number = what.number](const caf::expected<decider_word>& word) {
      add(std::to_string(number) + ' ' + said(word));
    });
  }
  void ask(outside_decider& whom, uint64_t number) { ask(whom, question_about(number)); }
};

using strings = std::vector<std::string>;

} // namespace proxy::test
