#include "tests/simulate/policy_desk.hpp"

#include <caf/typed_response_promise.hpp>

#include <chrono>
#include <deque>
#include <utility>

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

using promise = caf::typed_response_promise<reload_outcome>;

/// The changes that wait.
struct waiting_changes {
  std::deque<std::function<void()>> all;

  void next(policy_desk& desk) {
    desk.changing = !all.empty();
    if (all.empty())
      return;
    auto run = std::move(all.front());
    all.pop_front();
    run();
  }
};

} // namespace

policy_source_actor::behavior_type desk_source(policy_source_actor::pointer, policy_desk* desk) {
  return {
    [desk](atom::load, const policy_wish& wish) {
      auto next = desk->wanted;
      next.limited = wish.mode.value_or(next.limited ? policy::mode::limited
                                                     : policy::mode::full) == policy::mode::limited;
      desk->delivers(next);
      policy_delivery out;
      out.document = desk->compose(next, wish);
      return out;
    },
    [](atom::addresses) { return machine_addresses_read{}; },
  };
}

policy_store_actor::behavior_type desk_front(policy_store_actor::pointer self, policy_desk* desk,
                                             policy_store_actor store) {
  auto waits = std::make_shared<waiting_changes>();
  self->attach_functor([waits] { waits->all.clear(); }); // each of them holds it
  auto settle = [desk, waits](promise& done, reload_outcome outcome) {
    desk->settled(outcome);
    done.deliver(std::move(outcome));
    waits->next(*desk);
  };
  auto change = [=](auto... what) {
    auto done = self->make_response_promise<reload_outcome>();
    auto run = [=]() mutable {
      self->request(store, 10min, what...)
        .then([=](reload_outcome& made) mutable { settle(done, std::move(made)); },
              [=](const caf::error&) mutable { settle(done, {}); });
    };
    if (std::exchange(desk->changing, true))
      waits->all.emplace_back(std::move(run));
    else
      run();
    return done;
  };
  return {
    [=](atom::current) {
      auto done = self->make_response_promise<snapshot_ptr>();
      self->request(store, 1min, atom::current_v)
        .then([=](const snapshot_ptr& now) mutable { done.deliver(now); },
              [=](caf::error& why) mutable { done.deliver(std::move(why)); });
      return done;
    },
    [](atom::addresses) {},
    [=](atom::drain) {
      auto done = self->make_response_promise<bool>();
      self->request(store, 10min, atom::drain_v)
        .then([=](bool all) mutable { done.deliver(all); },
              [=](caf::error& why) mutable { done.deliver(std::move(why)); });
      return done;
    },
    [=](atom::close, const std::string& why) {
      auto done = self->make_response_promise<bool>();
      self->request(store, 1min, atom::close_v, why)
        .then([=](bool all) mutable { done.deliver(all); },
              [=](caf::error& error) mutable { done.deliver(std::move(error)); });
      return done;
    },
    [=](atom::reload) { return change(atom::reload_v); },
    [=](atom::set_mode, policy::mode to) { return change(atom::set_mode_v, to); },
    [=](atom::lift_mode) { return change(atom::lift_mode_v); },
    [=](atom::allow, const std::string& pattern) { return change(atom::allow_v, pattern); },
    [=](atom::deny, const std::string& pattern) { return change(atom::deny_v, pattern); },
  };
}

} // namespace proxy::simulate
