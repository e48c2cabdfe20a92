#define CAF_SUITE actors.observe.otlp.collector.delivery
#include "actors/observe/otlp/collector/delivery.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

/// Chance that always draws the same.
struct fixed_chance final : entropy {
  explicit fixed_chance(uint64_t n) : drawn(n) {}
  uint64_t number() override { return drawn; }
  uint64_t drawn;
};

constexpr steady_time start{1h};

} // namespace

CAF_TEST(each status has what follows from it) {
  struct row {
    uint16_t status;
    size_t items;
    next_step then;
  };
  for (auto [status, items, then] : std::initializer_list<row>{
         {200, 10, next_step::settled}, {202, 10, next_step::settled},
         {0, 10, next_step::again}, // no answer
         {429, 10, next_step::again},   {502, 10, next_step::again},
         {503, 10, next_step::again},   {504, 10, next_step::again},
         {413, 10, next_step::halve},   {413, 2, next_step::halve},
         {413, 1, next_step::give_up}, // there is nothing smaller
         {301, 10, next_step::give_up}, {307, 10, next_step::give_up},
         {400, 10, next_step::give_up}, {401, 10, next_step::give_up},
         {404, 10, next_step::give_up}, {408, 10, next_step::give_up},
         {500, 10, next_step::give_up}, {501, 10, next_step::give_up},
         {505, 10, next_step::give_up}, {999, 10, next_step::give_up},
       }) {
    CAF_MESSAGE("status " << status << ", items " << items);
    fixed_chance chance{0};
    delivery rules{chance};
    rules.begin(start);
    auto got = rules.answered({status, {}}, items, start);
    CAF_CHECK(got == then);
  }
}

CAF_TEST(pauses double up to the longest and chance takes up to a half off) {
  struct row {
    uint64_t drawn;
    std::vector<std::chrono::milliseconds> pauses;
  };
  for (auto& [drawn, pauses] : std::initializer_list<row>{
         {0, {500ms, 1s, 2s, 4s, 8s, 15s, 15s}}, // the least
         {500, {1s, 1'500ms, 2'500ms}},          // the most of the first
         {501, {500ms, 1'501ms}},                // one more begins again
       }) {
    fixed_chance chance{drawn};
    delivery rules{chance};
    rules.begin(start);
    for (auto pause : pauses) {
      auto then = rules.answered({503, {}}, 1, start);
      CAF_CHECK(then == next_step::again);
      auto got = std::chrono::duration_cast<std::chrono::milliseconds>(rules.not_before() - start);
      CAF_CHECK_EQUAL(got.count(), pause.count());
    }
  }
}

CAF_TEST(a collector that asks for a pause gets it up to the longest) {
  fixed_chance chance{0};
  for (auto [asked, got] : {std::pair{7s, 7s}, {0s, 0s}, {3'600s, 30s}, {-5s, 0s}}) {
    delivery rules{chance};
    rules.begin(start);
    auto then = rules.answered({429, asked}, 1, start);
    CAF_CHECK(then == next_step::again);
    CAF_CHECK(rules.not_before() == start + got);
  }
}

CAF_TEST(a batch is lost once its time is over and the next has time of its own) {
  fixed_chance chance{0};
  delivery rules{chance};
  rules.begin(start);
  auto now = start;
  auto attempts = 0;
  while (rules.answered({0, {}}, 1, now) == next_step::again) {
    now = rules.not_before();
    ++attempts;
    CAF_REQUIRE(now <= start + delivery::patience);
  }
  CAF_CHECK(attempts > 5);
  rules.begin(now);
  auto then = rules.answered({0, {}}, 1, now);
  CAF_CHECK(then == next_step::again);
}

CAF_TEST(nothing is tried again after the end) {
  fixed_chance chance{0};
  delivery rules{chance};
  rules.begin(start);
  rules.end_by(start + 1s);
  auto then = rules.answered({503, {}}, 1, start);
  CAF_CHECK(then == next_step::again); // in half a second
  then = rules.answered({503, 1s}, 1, start);
  CAF_CHECK(then == next_step::too_late);
}

CAF_TEST(what is taken and another collector end a pause) {
  fixed_chance chance{0};
  delivery rules{chance};
  rules.begin(start);
  (void)rules.answered({503, {}}, 1, start);
  CAF_CHECK(rules.not_before() > start);
  (void)rules.answered({200, {}}, 1, start);
  CAF_CHECK(rules.not_before() <= start);
  (void)rules.answered({503, {}}, 1, start);
  rules.forget_pause();
  CAF_CHECK(rules.not_before() <= start);
}
