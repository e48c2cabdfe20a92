#include "actors/loop/simulation/world.hpp"

#include <algorithm>

#include "actors/loop/mix.hpp"

namespace proxy::simulation {

world::config::config() { set("scheduler.policy", caf::atom("testing")); }

world::world(uint64_t seed)
  : seed_(seed), chance_(seed), numbers_(~seed), secrets_(~seed ^ 1), libraries_(time_, secrets_),
    net_(time_, chance_), system_(config_) {}

world::~world() {
  // Whoever is left goes with its loop; scheduled actors have their last messages first.
  while (scheduler().has_job())
    scheduler().run_once();
}

caf::scheduler::test_coordinator& world::scheduler() noexcept {
  return static_cast<caf::scheduler::test_coordinator&>(system_.scheduler());
}

event_loop& world::add_loop(node& on) {
  auto poller = std::make_unique<made_up_poller>(on);
  auto* watching = poller.get();
  loops_.push_back(
    {std::make_unique<event_loop>(system_, machine_of(on), std::move(poller)), watching});
  return *loops_.back().loop;
}

bool world::has_something_to_do(const running& one) const {
  auto due = one.loop->next_turn();
  return one.poller->has_news() || (due && *due <= time_.now());
}

std::optional<steady_time> world::next_moment() {
  auto next = net_.next();
  auto sooner = [&](std::optional<steady_time> at) {
    if (at && (!next || *at < *next))
      next = at;
  };
  for (const auto& each : loops_)
    sooner(each.loop->next_turn());
  const auto& timeouts = scheduler().clock().schedule();
  if (!timeouts.empty()) {
    auto left = timeouts.begin()->first - scheduler().clock().now();
    sooner(time_.now() + std::max(left, decltype(left)::zero()));
  }
  return next;
}

void world::pass_until(steady_time when) {
  auto span = std::max(when - time_.now(), steady_time::duration::zero());
  time_.pass(span);
  scheduler().clock().advance_time(span);
}

void world::note(uint64_t what) noexcept {
  ++steps_;
  auto at = static_cast<uint64_t>(time_.now().time_since_epoch().count());
  trace_ = mix(trace_ ^ mix(what ^ at));
}

bool world::step(steady_time limit) {
  auto arrives = net_.next() && *net_.next() <= time_.now();
  std::vector<size_t> awake;
  for (size_t i = 0; i < loops_.size(); ++i)
    if (has_something_to_do(loops_[i]))
      awake.push_back(i);
  auto jobs = scheduler().jobs.size();
  auto choices = awake.size() + jobs + (arrives ? 1 : 0);
  if (choices == 0) {
    auto next = next_moment();
    if (!next || *next > limit)
      return false;
    pass_until(*next);
    return true;
  }
  auto chosen = chance_.below(choices);
  note(chosen);
  if (chosen < awake.size()) {
    loops_[awake[chosen]].loop->turn(std::chrono::milliseconds{0});
  } else if (chosen < awake.size() + jobs) {
    auto& all = scheduler().jobs;
    auto at = all.begin() + static_cast<std::ptrdiff_t>(chosen - awake.size());
    std::rotate(all.begin(), at, at + 1);
    scheduler().run_once();
  } else {
    (void)net_.deliver();
  }
  return true;
}

bool world::run_until(const std::function<bool()>& done, std::chrono::nanoseconds span) {
  auto limit = time_.now() + span;
  while (!done()) {
    if (step(limit))
      continue;
    pass_until(limit);
    return done();
  }
  return true;
}

void world::run_for(std::chrono::nanoseconds span) {
  auto end = time_.now() + span;
  while (step(end)) {
  }
  pass_until(end);
}

} // namespace proxy::simulation
