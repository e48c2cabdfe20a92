#define CAF_SUITE actors.observe.counters.histogram
#include "actors/observe/counters/histogram.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

struct few_bounds {
  static constexpr std::array<uint64_t, 3> upper{10, 20, 40};
  static constexpr double unit = 1;
};

/// The first bucket whose bound is not below, one after the other.
template <class Bounds>
size_t looked_for(uint64_t value) {
  size_t i = 0;
  while (i < Bounds::upper.size() && value > Bounds::upper[i])
    ++i;
  return i;
}

template <class Bounds>
void check_all_borders() {
  std::vector<uint64_t> values{0, 1, UINT64_MAX};
  for (auto bound : Bounds::upper)
    for (auto near : {bound - 1, bound, bound + 1})
      values.push_back(near);
  for (auto value : values) {
    CAF_MESSAGE(value);
    auto found = histogram<Bounds>::bucket_of(value);
    auto wanted = looked_for<Bounds>(value);
    CAF_CHECK_EQUAL(found, wanted);
  }
}

} // namespace

CAF_TEST(a value is counted in the first bucket whose bound it does not exceed) {
  struct row {
    uint64_t value;
    size_t bucket;
  };
  for (auto [value, bucket] :
       {row{0, 0}, {9, 0}, {10, 0}, {11, 1}, {20, 1}, {21, 2}, {40, 2}, {41, 3}, {UINT64_MAX, 3}}) {
    CAF_MESSAGE(value);
    auto found = histogram<few_bounds>::bucket_of(value);
    CAF_CHECK_EQUAL(found, bucket);
  }
}

CAF_TEST(the search agrees with looking at one bound after the other) {
  check_all_borders<few_bounds>();
  check_all_borders<wait_bounds>();
  check_all_borders<lifetime_bounds>();
  check_all_borders<size_bounds>();
}

CAF_TEST(times are kept in microseconds and one that went backwards counts as none) {
  histogram<wait_bounds> waits;
  waits.observe(1ms);
  waits.observe(1ms + 1us);
  waits.observe(2min);
  waits.observe(-5s);
  auto counts = waits.counts();
  CAF_CHECK_EQUAL(counts[0], 2u);
  CAF_CHECK_EQUAL(counts[1], 1u);
  CAF_CHECK_EQUAL(counts[counts.size() - 1], 1u);
  auto all = waits.count();
  CAF_CHECK_EQUAL(all, 4u);
  auto sum = waits.sum();
  CAF_CHECK_EQUAL(sum, 120'002'001u);
}

CAF_TEST(histograms add up bucket by bucket) {
  histogram<few_bounds> one, sum;
  one.observe(uint64_t{5});
  one.observe(uint64_t{50});
  sum += one;
  sum += one;
  auto first = sum.counts()[0], last = sum.counts()[3], total = sum.sum();
  CAF_CHECK_EQUAL(first, 2u);
  CAF_CHECK_EQUAL(last, 2u);
  CAF_CHECK_EQUAL(total, 110u);
}
