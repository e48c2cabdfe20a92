#pragma once

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/spawn_options.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/loop/event_loop.hpp"

namespace proxy {

/// A typed actor that lives on one event loop: its messages run on that loop's thread whoever sends
/// them. Made only with a loop in its `caf::actor_config`: by `spawn_pinned`, or by another actor
/// of the loop.
///
/// CAF resumes an actor on its sender's execution unit unless told otherwise, hence the overrides.
template <class Handle>
class pinned_actor : public Handle::base {
public:
  using super = typename Handle::base;

  explicit pinned_actor(caf::actor_config& cfg)
    : super(cfg), loop_(static_cast<event_loop*>(cfg.host)) {
    // Coroutines send messages outside of `resume` too.
    this->context(loop_);
  }

  using super::enqueue;

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    super::enqueue(std::move(what), loop_);
  }

  void launch(caf::execution_unit*, bool lazy, bool hide) override {
    super::launch(loop_, lazy, hide);
  }

  caf::resumable::subtype_t subtype() const override { return caf::resumable::io_actor; }

  /// As CAF does it, but for cancelling the actor's timeouts at the system's clock: that takes a
  /// lock and wakes the clock's thread for each actor that ends, and pinned actors have no timeouts
  /// there.
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
    this->awaited_responses_.clear();
    this->multiplexed_responses_.clear();
    if (auto& box = this->mailbox(); !box.closed()) {
      box.close();
      caf::detail::sync_request_bouncer bounce{reason};
      while (box.queue().new_round(1000, bounce).consumed_items > 0) {
      }
    }
    this->unregister_from_system();
    // NOLINTNEXTLINE(bugprone-parent-virtual-call): see above.
    caf::monitorable_actor::cleanup(std::move(reason), host);
    return true;
  }

  [[nodiscard]] event_loop& loop() const noexcept { return *loop_; }

private:
  event_loop* loop_;
};

/// Makes a class-based pinned actor, on its loop's own thread. It runs nothing before it is told
/// to, and lives as long as what is returned, or longer if it holds itself.
template <class Actor, class... Ts>
auto spawn_on(event_loop& loop, Ts&&... xs) {
  caf::actor_config cfg{&loop};
  return loop.system().template spawn_impl<Actor, caf::hidden + caf::lazy_init>(
    cfg, std::forward<Ts>(xs)...);
}

/// The actor behind a handle that `spawn_on` has returned.
template <class Actor, class Handle>
Actor& local(const Handle& made) {
  return *static_cast<Actor*>(caf::actor_cast<caf::abstract_actor*>(made));
}

/// Spawns a function-based pinned actor from any thread.
template <caf::spawn_options Options = caf::no_spawn_options, class F, class... Ts>
auto spawn_pinned(event_loop& loop, F behaviour, Ts&&... xs) {
  caf::actor_config cfg{&loop};
  return loop.system().spawn_functor<Options>(std::true_type{}, cfg, behaviour,
                                              std::forward<Ts>(xs)...);
}

} // namespace proxy
