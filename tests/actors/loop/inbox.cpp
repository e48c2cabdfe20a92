#define CAF_SUITE actors.loop.inbox
#include "actors/loop/inbox.hpp" // unit under test

#include <cstdint>
#include <thread>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

// The inbox carries pointers and never looks behind them.
caf::resumable* token(uintptr_t value) { return reinterpret_cast<caf::resumable*>(value); }
uintptr_t value_of(caf::resumable* what) { return reinterpret_cast<uintptr_t>(what); }

} // namespace

CAF_TEST(only the push into an empty inbox asks for a wake-up) {
  inbox box;
  std::vector<caf::resumable*> out;
  CAF_CHECK(box.push(token(8)));
  CAF_CHECK(!box.push(token(16)));
  box.take(out);
  CAF_CHECK(box.push(token(24)));
}

CAF_TEST(what was pushed comes out oldest first behind what is there) {
  inbox box;
  std::vector<caf::resumable*> out{token(8)};
  for (uintptr_t v : {16u, 24u, 32u})
    (void)box.push(token(v));
  box.take(out);
  CAF_CHECK(out == (std::vector{token(8), token(16), token(24), token(32)}));
  box.take(out);
  CAF_CHECK_EQUAL(out.size(), 4u);
}

CAF_TEST(many threads lose nothing and keep their order and wake the reader) {
  constexpr uintptr_t writers = 4;
  constexpr uintptr_t each = 50'000;
  inbox box;
  std::atomic<int> wakes = 0;
  std::vector<std::thread> threads;
  for (uintptr_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      for (uintptr_t i = 1; i <= each; ++i)
        if (box.push(token(w * each * 8 + i * 8)))
          wakes.fetch_add(1);
    });
  // A reader that looks only when it was woken must still see everything.
  std::vector<uintptr_t> last(writers, 0);
  size_t count = 0;
  bool ordered = true;
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  std::vector<caf::resumable*> out;
  while (count < writers * each && std::chrono::steady_clock::now() < limit) {
    if (wakes.load() == 0) {
      std::this_thread::yield();
      continue;
    }
    wakes.store(0);
    out.clear();
    box.take(out);
    count += out.size();
    for (auto* what : out) {
      auto v = (value_of(what) - 8) / 8;
      auto& before = last[v / each];
      ordered = ordered && v % each + 1 == before + 1;
      before = v % each + 1;
    }
  }
  for (auto& t : threads)
    t.join();
  CAF_CHECK_EQUAL(count, writers * each);
  CAF_CHECK(ordered);
}
