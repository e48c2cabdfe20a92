#define CAF_SUITE actors.embed.callback_pool
#include "actors/embed/callback_pool.hpp" // unit under test

#include <algorithm>
#include <atomic>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/actors/embed/heard.hpp"
#include "tests/actors/embed/moments.hpp"
#include "tests/support/test.hpp"

using namespace proxy::embed;
using namespace proxy::test;

namespace {

/// A job that lasts until it is let go. The pool's thread may outlive the test: both hold it.
struct long_job {
  happening begun, let_go, over;

  static callback_pool::job of(const std::shared_ptr<long_job>& j) {
    return [j] {
      j->begun.happen();
      (void)j->let_go.wait();
      j->over.happen();
    };
  }
};

/// A pool of one thread, whose call is under way.
struct busy_pool {
  explicit busy_pool(size_t max_waiting) : pool(1, max_waiting) {
    CAF_REQUIRE(pool.post(long_job::of(first)));
    CAF_REQUIRE(first->begun.wait());
  }
  ~busy_pool() { first->let_go.happen(); }

  std::shared_ptr<long_job> first = std::make_shared<long_job>();
  callback_pool pool;
};

} // namespace

CAF_TEST(one thread does its jobs in the order in which they come) {
  heard<int> done;
  callback_pool pool{1, 1000};
  std::vector<int> wanted(500);
  std::iota(wanted.begin(), wanted.end(), 0);
  for (auto i : wanted)
    CAF_REQUIRE(pool.post([&, i] { done.add(i); }));
  CAF_CHECK(pool.drain(late()));
  CAF_CHECK(done.all() == wanted);
}

CAF_TEST(so many calls are under way at a time as there are threads) {
  for (size_t threads : {1u, 3u}) {
    CAF_MESSAGE(threads);
    callback_pool pool{threads, 100};
    heard<int> begun;
    happening let_go;
    std::atomic<size_t> now = 0;
    std::atomic<size_t> most = 0;
    for (int i = 0; i < 10; ++i)
      CAF_REQUIRE(pool.post([&] {
        auto together = ++now;
        for (auto before = most.load(); before < together;)
          if (most.compare_exchange_weak(before, together))
            break;
        begun.add(0);
        (void)let_go.wait();
        --now;
      }));
    CAF_CHECK(begun.wait(threads));
    let_go.happen();
    CAF_CHECK(pool.drain(late()));
    CAF_CHECK_EQUAL(most.load(), threads);
    CAF_CHECK(begun.all().size() == 10);
  }
}

CAF_TEST(a thread that is free is used again) {
  callback_pool pool{4, 10};
  heard<std::thread::id> by;
  for (int i = 0; i < 5; ++i) {
    CAF_REQUIRE(pool.post([&] { by.add(std::this_thread::get_id()); }));
    CAF_REQUIRE(pool.drain(late()));
  }
  auto all = by.all();
  CAF_CHECK(std::set(all.begin(), all.end()).size() == 1);
  CAF_CHECK(all.front() != std::this_thread::get_id());
}

CAF_TEST(a job beyond those that may wait is refused) {
  heard<int> done;
  busy_pool busy{2};
  CAF_CHECK(busy.pool.post([&] { done.add(1); }));
  CAF_CHECK(busy.pool.post([&] { done.add(2); }));
  CAF_CHECK(!busy.pool.post([&] { done.add(3); }));
  busy.first->let_go.happen();
  CAF_CHECK(busy.pool.drain(late()));
  CAF_CHECK(busy.pool.post([&] { done.add(4); })); // there is room again
  CAF_CHECK(busy.pool.drain(late()));
  CAF_CHECK(done.all() == std::vector({1, 2, 4}));
}

CAF_TEST(a job that throws is done and the next one is called) {
  heard<int> done;
  callback_pool pool{1, 10};
  CAF_REQUIRE(pool.post([] { throw std::runtime_error{"of the program"}; }));
  CAF_REQUIRE(pool.post([] { throw 7; }));
  CAF_REQUIRE(pool.post([&] { done.add(1); }));
  CAF_CHECK(pool.drain(late()));
  CAF_CHECK(done.all() == std::vector({1}));
}

CAF_TEST(what a job holds has gone when it is done) {
  callback_pool pool{1, 10};
  auto held = std::make_shared<int>(7);
  std::weak_ptr<int> there = held;
  CAF_REQUIRE(pool.post([held = std::move(held)] {}));
  CAF_CHECK(pool.drain(late()));
  CAF_CHECK(there.expired());
}

CAF_TEST(to drain is to wait for all that was posted) {
  {
    callback_pool idle{3, 10};
    CAF_CHECK(idle.drain(soon()));
  }
  busy_pool busy{10};
  CAF_CHECK(!busy.pool.drain(soon())); // under way
  CAF_REQUIRE(busy.pool.post([] {}));
  CAF_CHECK(!busy.pool.drain(soon()));
  busy.first->let_go.happen();
  CAF_CHECK(busy.pool.drain(late()));
}

CAF_TEST(a job that drains its pool does not wait for itself) {
  heard<bool> drained;
  callback_pool pool{1, 10};
  CAF_REQUIRE(pool.post([&] { drained.add(pool.drain(late())); }));
  CAF_REQUIRE(drained.wait(1));
  CAF_CHECK(drained.all().front());
}

CAF_TEST(the end waits for the call under way) {
  callback_pool pool{1, 1'000'000};
  happening begun;
  std::atomic<bool> over = false;
  CAF_REQUIRE(pool.post([&] {
    begun.happen();
    while (pool.post([] {})) // until the end has come
      std::this_thread::yield();
    over = true;
  }));
  CAF_REQUIRE(begun.wait());
  pool.end(late());
  CAF_CHECK(over);
}

CAF_TEST(the end drops what waits and nothing is taken after it) {
  busy_pool busy{10};
  auto held = std::make_shared<int>(7);
  std::weak_ptr<int> there = held;
  heard<int> done;
  CAF_REQUIRE(busy.pool.post([&, held = std::move(held)] { done.add(*held); }));
  busy.pool.end(soon());
  CAF_CHECK(there.expired());
  CAF_CHECK(!busy.pool.post([&] { done.add(1); }));
  busy.first->let_go.happen();
  CAF_CHECK(busy.first->over.wait());
  CAF_CHECK(busy.pool.drain(late()));
  CAF_CHECK(done.all().empty());
  busy.pool.end(late()); // again: nothing
}

CAF_TEST(a call that does not return is left behind and touches nothing of the pool) {
  auto job = std::make_shared<long_job>();
  auto began = std::chrono::steady_clock::now();
  {
    callback_pool pool{1, 10};
    CAF_REQUIRE(pool.post(long_job::of(job)));
    CAF_REQUIRE(job->begun.wait());
    pool.end(soon());
  }
  CAF_CHECK(std::chrono::steady_clock::now() - began < callback_pool::end_patience);
  job->let_go.happen();
  CAF_CHECK(job->over.wait());
}

CAF_TEST(a job may end its own pool) {
  heard<int> done;
  callback_pool pool{2, 10};
  CAF_REQUIRE(pool.post([&] {
    pool.end(late());
    done.add(pool.post([] {}) ? 1 : 2);
  }));
  CAF_CHECK(done.wait(1));
  CAF_CHECK(done.all() == std::vector({2}));
}

CAF_TEST(a job may be the last that has its pool) {
  happening gone;
  auto pool = std::make_shared<callback_pool>(1, 10);
  happening alone;
  CAF_REQUIRE(pool->post([&gone, &alone, mine = pool]() mutable {
    (void)alone.wait();
    mine = nullptr;
    gone.happen();
  }));
  pool = nullptr;
  alone.happen();
  CAF_CHECK(gone.wait(4s)); // before its own patience would be over
}
