#define CAF_SUITE actors.loop.memory_account

#include "actors/loop/memory_account.hpp" // unit under test

#include <array>

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(what holders have is counted until they end) {
  memory_budget shared;
  shared.limit = 100'000;
  std::array<memory_account, 2> loops;
  for (auto& loop : loops)
    loop.belong_to(shared);
  size_t also = 0;
  {
    held_bytes one{loops[0]};
    one.count_in(also);
    one.set(70'000);
    CAF_CHECK_EQUAL(also, 70'000u);
    CAF_CHECK(!loops[1].is_full());
    held_bytes other{loops[1]};
    other.set(40'000);
    CAF_CHECK(loops[1].is_full()); // its own part counts at once
    one.set(0);
    CAF_CHECK_EQUAL(also, 0u);
    CAF_CHECK(!loops[1].is_full());
    one.set(200'000);
    CAF_CHECK(loops[1].is_full());
  }
  CAF_CHECK_EQUAL(also, 0u);
  CAF_CHECK(!loops[0].is_full());
  for (auto& loop : loops)
    loop.leave();
  CAF_CHECK_EQUAL(shared.held.load(), 0);
}

CAF_TEST(small changes are told to the others in steps) {
  memory_budget shared;
  memory_account loop;
  loop.belong_to(shared);
  held_bytes one{loop};
  for (size_t size = 0; size < static_cast<size_t>(memory_account::step); size += 1000) {
    one.set(size);
    CAF_CHECK_EQUAL(shared.held.load(), 0);
  }
  one.set(static_cast<size_t>(memory_account::step));
  CAF_CHECK_EQUAL(shared.held.load(), memory_account::step);
}

CAF_TEST(a loop without a budget is never full and outlives it) {
  memory_account loop;
  held_bytes one{loop};
  {
    memory_budget shared;
    shared.limit = 1;
    loop.belong_to(shared);
    one.set(1'000'000);
    CAF_CHECK(loop.is_full());
    loop.leave();
  }
  CAF_CHECK(!loop.is_full());
}
