#define CAF_SUITE actors.serve.decide.decider_desk
#include "actors/serve/decide/decider_desk.hpp" // unit under test

#include <caf/send.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/loop/task/request.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using strings = std::vector<std::string>;

/// Keeps the questions for the test to answer.
struct scripted_outside final : outside_decider {
  void ask(const open_question& what, word_taker said) override {
    if (at_once)
      said(*at_once);
    open[what.number] = std::move(said);
  }
  void withdraw(uint64_t number) override { withdrawn.push_back(number); }

  std::map<uint64_t, word_taker> open; ///< By number. They hold the desk.
  std::vector<uint64_t> withdrawn;
  std::optional<decider_word> at_once;
};

/// Asks one question and keeps what comes of it.
using asking_actor = caf::typed_actor<caf::reacts_to<int>>;

asking_actor::behavior_type asking(pinned_actor<asking_actor>* self, const decider_actor& whom,
                                   uint64_t number, std::shared_ptr<strings> into) {
  open_question what;
  what.number = number;
  request_until<decider_word>(
    self, self->loop().now() + 60s, whom,
    [=](caf::expected<decider_word> word) {
      into->push_back(
        std::to_string(number) + ' ' +
        (word ? std::string{policy::to_string(word->decision)} + ' ' + word->words : "none"));
      self->quit();
    },
    atom::decide_v, std::move(what));
  return {[](int) {}};
}

struct fixture : loop_fixture {
  ~fixture() {
    outside->open.clear();
    caf::anon_send_exit(desk, caf::exit_reason::kill);
    desk = nullptr;
    settle();
  }

  void ask(uint64_t number) {
    spawn_pinned(loop, asking, decider_actor{desk}, number, answers);
    settle();
  }
  void say(uint64_t number, caf::expected<decider_word> word) {
    outside->open.at(number)(std::move(word));
    settle();
  }

  std::shared_ptr<scripted_outside> outside = std::make_shared<scripted_outside>();
  desk_actor desk =
    spawn_pinned(loop, decider_desk, std::static_pointer_cast<outside_decider>(outside));
  std::shared_ptr<strings> answers = std::make_shared<strings>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(decider_desk_tests, fixture)

CAF_TEST(the word that somebody outside says is the answer) {
  ask(1);
  ask(2);
  ask(3);
  CAF_CHECK_EQUAL(outside->open.size(), 3u);
  CAF_CHECK(answers->empty());
  say(3, decider_word{policy::decision::ask, "the owner"});
  say(1, decider_word{policy::decision::allow, ""});
  say(2, decider_word{policy::decision::deny, "no"});
  CAF_CHECK(*answers == (strings{"3 ask the owner", "1 allow ", "2 deny no"}));
}

CAF_TEST(a word may come from any thread) {
  ask(1);
  std::thread{[&] { outside->open.at(1)(decider_word{policy::decision::allow, ""}); }}.join();
  CAF_CHECK(run_until([&] { return *answers == strings{"1 allow "}; }));
}

CAF_TEST(a word that is said while the question is handed out is the answer) {
  outside->at_once = decider_word{policy::decision::deny, "at once"};
  ask(1);
  CAF_CHECK(*answers == strings{"1 deny at once"});
}

CAF_TEST(that no word comes is an answer too) {
  ask(1);
  say(1, caf::make_error(errc::system, std::string{"out of order"}));
  CAF_CHECK(*answers == strings{"1 none"});
}

CAF_TEST(the first word counts) {
  ask(1);
  auto take = outside->open.at(1);
  take(decider_word{policy::decision::deny, "first"});
  take(decider_word{policy::decision::allow, ""});
  take(caf::make_error(errc::system, std::string{"third"}));
  settle();
  CAF_CHECK(*answers == strings{"1 deny first"});
}

CAF_TEST(a question that is withdrawn has no answer any more) {
  ask(1);
  ask(2);
  caf::anon_send(desk, atom::withdraw_v, uint64_t{1});
  settle();
  CAF_CHECK(outside->withdrawn == std::vector<uint64_t>{1});
  say(1, decider_word{policy::decision::allow, ""});
  for (const auto& each : *answers)
    CAF_CHECK(each.find("allow") == std::string::npos);
  say(2, decider_word{policy::decision::allow, ""});
  CAF_CHECK_EQUAL(answers->back(), "2 allow ");
  caf::anon_send(desk, atom::withdraw_v, uint64_t{2}); // after the word, and one never asked
  caf::anon_send(desk, atom::withdraw_v, uint64_t{9});
  settle();
  CAF_CHECK(outside->withdrawn == (std::vector<uint64_t>{1, 2, 9}));
}

CAF_TEST(a desk that has ended answers nobody and takes no word) {
  ask(1);
  caf::anon_send_exit(desk, caf::exit_reason::kill);
  settle();
  say(1, decider_word{policy::decision::allow, ""}); // falls on nothing
  ask(2);
  CAF_CHECK(std::ranges::find(*answers, "2 none") != answers->end());
  CAF_CHECK(std::ranges::find(*answers, "1 allow ") == answers->end());
  CAF_CHECK(!outside->open.contains(2));
}

CAF_TEST_FIXTURE_SCOPE_END()
