#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/serve/decide/decider.hpp"
#include "tests/actors/flows/stage.hpp"

/// Somebody who has a word in what the rules do not settle: keeps the questions until the test
/// answers them, and those that are withdrawn.

namespace proxy::test {

inline const std::string unlisted = "allowed_domains = [\"other.test\"]\n";

struct open_word {
  open_question what;
  caf::typed_response_promise<decider_word> answer;
};
struct all_words {
  std::vector<open_word> open;
  std::vector<uint64_t> withdrawn; ///< Numbers of questions.
};
using open_words = std::shared_ptr<all_words>;

inline decider_actor::behavior_type keep_questions(decider_actor::pointer self,
                                                   const open_words& into) {
  return {[self, into](atom::decide, const open_question& what) {
            auto answer = self->make_response_promise<decider_word>();
            into->open.push_back({what, answer});
            return answer;
          },
          [into](atom::withdraw, uint64_t number) { into->withdrawn.push_back(number); }};
}

/// Installs rules that ask about what they do not list. No configuration says so yet. The listeners
/// go.
inline void ask_about_all(stage& s, const std::string& network, const std::string& daemon = "") {
  s.install(network, daemon);
  auto now = s.ask<snapshot_ptr>(s.store, atom::current_v);
  CAF_REQUIRE(s.until([&] { return now->has_value(); }));
  auto next = std::make_shared<snapshot>(***now);
  auto rules = std::make_shared<policy::rules>(*next->rules);
  rules->asks_unlisted = true;
  next->rules = std::move(rules);
  auto done = s.ask<uint64_t>(s.shards[0], atom::install_v, snapshot_ptr{next}, listener_set{});
  CAF_REQUIRE(s.until([&] { return done->has_value(); }));
}

/// A stage with somebody who decides over what no rule allows.
template <class Stage>
struct deciding : Stage {
  explicit deciding(stage_settings with) : Stage(std::move(with)) {
    this->process->decider = this->w.system().template spawn<caf::hidden>(keep_questions, told);
  }
  ~deciding() {
    told->open.clear();
    this->process->decider = nullptr;
  }

  void ask_about_all(const std::string& network, const std::string& daemon = "") {
    test::ask_about_all(*this, network, daemon);
  }
  /// Answers all questions that are open.
  void say(policy::decision word, const std::string& words = "") {
    for (auto& each : std::exchange(told->open, {}))
      each.answer.deliver(decider_word{word, words});
  }
  /// Whether so many are open.
  [[nodiscard]] bool asks(size_t questions, std::chrono::nanoseconds span = 1s) {
    return this->until([&] { return told->open.size() == questions; }, span);
  }
  [[nodiscard]] const open_question& asked() const { return told->open.front().what; }
  void check_decided(const std::string& once) {
    this->pass(1ms); // the news of it is under way
    CAF_CHECK(this->decisions() == std::vector<std::string>{once});
  }

  open_words told = std::make_shared<all_words>();
};

} // namespace proxy::test
