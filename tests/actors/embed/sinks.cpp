#define CAF_SUITE actors.embed.sinks
#include "actors/embed/sinks.hpp" // unit under test

#include <stdexcept>

#include "actors/observe/decision_event.hpp"
#include "tests/actors/embed/heard.hpp"
#include "tests/actors/embed/moments.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::embed;
using namespace proxy::test;

namespace {

using strings = std::vector<std::string>;

/// A sink that blocks at its first line. Its thread may outlive the test: both hold it.
struct slow_sink {
  heard<std::string> lines;
  happening begun, let_go;

  static std::function<void(std::string_view)> of(const std::shared_ptr<slow_sink>& s) {
    return [s](std::string_view line) {
      s->lines.add(std::string{line});
      s->begun.happen();
      (void)s->let_go.wait();
    };
  }
};

decision_event_ptr refusal_of(const std::string& host) {
  decision_event e;
  e.host = host;
  e.decision = policy::decision::deny;
  e.reason = policy::reason::not_allowed;
  return std::make_shared<const decision_event>(std::move(e));
}

} // namespace

CAF_TEST(a sink gets the lines one by one and without their ends) {
  struct row {
    strings pieces;
    strings lines;
  };
  for (auto& [pieces, lines] : std::initializer_list<row>{
         {{"one\n"}, {"one"}},
         {{"one\ntwo\nthree\n"}, {"one", "two", "three"}},
         {{"one\ntwo\n", "three\n"}, {"one", "two", "three"}},
         {{"\n\none\n"}, {"", "", "one"}},
         {{"one\ntwo"}, {"one", "two"}},
         {{""}, {}},
       }) {
    CAF_MESSAGE(caf::deep_to_string(pieces));
    heard<std::string> got;
    sinks all;
    auto take = all.add_lines([&](std::string_view line) { got.add(std::string{line}); });
    for (const auto& piece : pieces)
      CAF_CHECK_EQUAL(take(piece), 0u);
    all.end(late()); // waits until all is heard
    CAF_CHECK(got.all() == lines);
  }
}

CAF_TEST(a sink that throws gets the next line all the same) {
  heard<std::string> got;
  sinks all;
  auto take = all.add_lines([&](std::string_view line) {
    got.add(std::string{line});
    if (line == "two")
      throw std::runtime_error{"of the program"};
  });
  CAF_CHECK_EQUAL(take("one\ntwo\nthree\n"), 0u);
  CAF_CHECK_EQUAL(take("two\nfour\n"), 0u);
  all.end(late());
  CAF_CHECK(got.all() == (strings{"one", "two", "three", "two", "four"}));
}

CAF_TEST(a sink that blocks loses lines and it is said how many) {
  auto slow = std::make_shared<slow_sink>();
  sinks all;
  auto take = all.add_lines(slow_sink::of(slow));
  CAF_CHECK_EQUAL(take("first\n"), 0u);
  CAF_REQUIRE(slow->begun.wait());
  size_t taken = 1;
  size_t lost = 0;
  while (lost == 0 && taken < 10'000)
    if (lost = take("a\nb\nc\n"); lost == 0)
      taken += 3;
  CAF_CHECK_EQUAL(lost, 3u);
  CAF_CHECK_EQUAL(taken, 1u + 64 * 3);
  CAF_CHECK_EQUAL(take("d\n"), 1u);
  slow->let_go.happen();
  CAF_REQUIRE(slow->lines.wait(taken));
  all.end(late());
  CAF_CHECK_EQUAL(slow->lines.all().size(), taken);
  CAF_CHECK_EQUAL(take("e\nf\n"), 2u); // after the end
}

CAF_TEST(a sink that blocks holds up no other one and is left behind at the end) {
  auto slow = std::make_shared<slow_sink>();
  heard<std::string> got;
  {
    sinks all;
    auto block = all.add_lines(slow_sink::of(slow));
    auto take = all.add_lines([&](std::string_view line) { got.add(std::string{line}); });
    CAF_CHECK_EQUAL(block("first\nsecond\n"), 0u);
    CAF_REQUIRE(slow->begun.wait());
    CAF_CHECK_EQUAL(take("one\n"), 0u);
    CAF_CHECK(got.wait(1));
    all.end(soon());
  }
  CAF_CHECK(slow->lines.all() == strings{"first"});
  slow->let_go.happen();
  CAF_CHECK(slow->lines.wait(2)); // it has the piece for itself
}

CAF_TEST(a sink may end all of them) {
  heard<std::string> got;
  sinks all;
  happening ready;
  auto take = all.add_lines([&](std::string_view line) {
    (void)ready.wait();
    all.end(late());
    got.add(std::string{line});
  });
  CAF_CHECK_EQUAL(take("one\n"), 0u);
  ready.happen();
  CAF_CHECK(got.wait(1));
}

CAF_TEST(an observer hears of refusals in their order) {
  heard<std::string> got;
  sinks all;
  auto tell = all.add_observer([&](const codex::blocked_request& refusal) {
    got.add(refusal.host + ' ' + refusal.reason);
    if (refusal.host == "b.test")
      throw std::runtime_error{"of the program"};
  });
  for (auto* host : {"a.test", "b.test", "c.test"})
    tell(refusal_of(host));
  all.end(late());
  CAF_CHECK(got.all() ==
            (strings{"a.test not_allowed", "b.test not_allowed", "c.test not_allowed"}));
  tell(refusal_of("d.test")); // after the end: nobody hears of it
  CAF_CHECK_EQUAL(got.all().size(), 3u);
}

CAF_TEST(an observer that is too slow does not hear of some) {
  heard<std::string> got;
  happening begun, let_go;
  sinks all;
  auto tell = all.add_observer([&](const codex::blocked_request& refusal) {
    got.add(refusal.host);
    begun.happen();
    (void)let_go.wait();
  });
  tell(refusal_of("first.test"));
  CAF_REQUIRE(begun.wait());
  auto next = refusal_of("next.test");
  for (int i = 0; i < 10'000; ++i)
    tell(next);
  tell(refusal_of("lost.test"));
  let_go.happen();
  all.end(late());
  auto heard_of = got.all();
  CAF_CHECK_EQUAL(heard_of.size(), 10'001u);
  CAF_CHECK_EQUAL(heard_of.back(), "next.test");
}
