#define CAF_SUITE actors.observe.otlp.export.outbox
#include "actors/observe/otlp/export/outbox.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1h};

using ints = std::vector<int>;

ints of(std::span<const int> batch) { return {batch.begin(), batch.end()}; }

struct fixture {
  /// Adds `count` items of 10 bytes, numbered on.
  void add(int count, steady_time now = start) {
    for (int i = 0; i < count; ++i)
      box.add(next++, 10, now);
  }
  outbox<int> box{{.items = 4, .delay = 1s, .bytes = 1'000}};
  int next = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(outbox_tests, fixture)

CAF_TEST(nothing is due while nothing waits) {
  CAF_CHECK(!box.due());
  CAF_CHECK(box.empty());
  CAF_CHECK_EQUAL(box.missing(), 4u);
}

CAF_TEST(the first item waits for others as long as it may) {
  add(1);
  add(2, start + 900ms);
  CAF_CHECK(box.due() == start + 1s);
  CAF_CHECK_EQUAL(box.missing(), 1u);
  auto batch = of(box.begin());
  CAF_CHECK_EQUAL(batch, (ints{0, 1, 2}));
  auto left = box.done();
  CAF_CHECK_EQUAL(left, (std::vector<uint64_t>{10, 10, 10}));
  CAF_CHECK(box.empty());
}

CAF_TEST(a full batch goes at once and the rest keeps its own time) {
  add(4);
  add(1, start + 100ms);
  CAF_CHECK(*box.due() <= start);
  CAF_CHECK_EQUAL(box.missing(), 0u);
  auto batch = of(box.begin());
  CAF_CHECK_EQUAL(batch, (ints{0, 1, 2, 3}));
  (void)box.done();
  CAF_CHECK(box.due() == start + 1'100ms);
}

CAF_TEST(bytes make a batch full too and one item may be more than they allow) {
  box.add(1, 600, start);
  CAF_CHECK(*box.due() > start);
  box.add(2, 600, start);
  CAF_CHECK(*box.due() <= start);
  auto batch = of(box.begin());
  CAF_CHECK_EQUAL(batch, ints{1});
  (void)box.done();
  box.add(3, 5'000, start);
  CAF_CHECK_EQUAL(of(box.begin()), ints{2});
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), ints{3});
}

CAF_TEST(half of a batch that was too large goes first and later ones are no larger) {
  add(8);
  (void)box.begin();
  CAF_CHECK_EQUAL(of(box.halve()), (ints{0, 1}));
  CAF_CHECK_EQUAL(box.done().size(), 2u);
  CAF_CHECK(*box.due() <= start);
  CAF_CHECK_EQUAL(of(box.begin()), (ints{2, 3}));
  CAF_CHECK_EQUAL(box.done().size(), 2u);
  CAF_CHECK_EQUAL(of(box.begin()), (ints{4, 5}));
  CAF_CHECK_EQUAL(of(box.halve()), ints{4});
  CAF_CHECK_EQUAL(of(box.halve()), ints{4});
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), ints{5});
  (void)box.done();
  box.apply({.items = 4, .delay = 1s, .bytes = 1'000});
  add(2);
  CAF_CHECK_EQUAL(of(box.begin()), (ints{6, 7, 8, 9}));
}

CAF_TEST(batches grow again once the collector took one that was as large as it may be) {
  add(12);
  (void)box.begin();
  CAF_CHECK_EQUAL(of(box.halve()), (ints{0, 1}));
  box.taken(); // half of a batch: the other half is as large
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), (ints{2, 3}));
  (void)box.done(); // lost
  CAF_CHECK_EQUAL(of(box.begin()), (ints{4, 5}));
  CAF_CHECK_EQUAL(of(box.halve()), ints{4});
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), ints{5});
  box.taken();
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), (ints{6, 7}));
  box.taken();
  (void)box.done();
  CAF_CHECK_EQUAL(of(box.begin()), (ints{8, 9, 10, 11}));
  box.taken(); // no more than was asked for
  (void)box.done();
  add(6);
  CAF_CHECK_EQUAL(of(box.begin()), (ints{12, 13, 14, 15}));
}

CAF_TEST_FIXTURE_SCOPE_END()
