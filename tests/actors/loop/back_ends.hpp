#pragma once

#include <memory>
#include <span>
#include <string>

#include "actors/loop/simulation/world.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"

namespace proxy::test {

/// What a loop learns of its sockets by. Each is tested as the others are: what Linux does is
/// right.
///
/// What a made-up network does not have: a poller that waits (time passes when its world says so).
enum class back_end : uint8_t {
  usual,    ///< The best one here: epoll on Linux.
  poll,     ///< poll(2).
  made_up,  ///< A network that lives in the test.
  ring,     ///< As usual; the calls of every turn are gathered, and made at once where they can be.
  gathered, ///< The same; they are made one by one.
  made_up_gathered, ///< The same on the made-up network.
};
inline constexpr back_end back_ends[] = {back_end::usual,    back_end::poll,
                                         back_end::made_up,  back_end::ring,
                                         back_end::gathered, back_end::made_up_gathered};

[[nodiscard]] inline std::string to_string(back_end which) {
  constexpr const char* names[] = {
    "usual", "poll", "made up", "gathered and made at once", "gathered", "made up and gathered"};
  return names[static_cast<size_t>(which)];
}

[[nodiscard]] constexpr bool is_made_up(back_end which) {
  return which == back_end::made_up || which == back_end::made_up_gathered;
}
[[nodiscard]] constexpr bool gathers(back_end which) {
  return which == back_end::ring || which == back_end::gathered ||
         which == back_end::made_up_gathered;
}

#ifdef PROXY_PORTABLE
inline constexpr bool is_portable = true;
#else
inline constexpr bool is_portable = false;
#endif

/// The end of a peer is told ahead.
constexpr bool tells_of_end(back_end which) { return !is_portable || is_made_up(which); }
/// Bytes go from socket to socket without being copied.
constexpr bool splices(back_end which) { return !is_portable || is_made_up(which); }

/// A loop on a back end.
class stand {
public:
  explicit stand(back_end which = back_end::usual)
    : kind(which), world_(is_made_up(kind) ? std::make_unique<simulation::world>(1) : nullptr),
      node_(world_ ? &world_->net().add_node("here", {}) : nullptr),
      system_(world_ ? nullptr : std::make_unique<loop_fixture>(make_poller())),
      loop(world_ ? world_->add_loop(*node_) : system_->loop) {
    if (!gathers(kind))
      return;
    auto at_once = kind == back_end::ring ? network().make_executor() : nullptr;
    loop.calls().use(at_once ? std::move(at_once) : make_plain_executor(network()), 0);
  }

  /// Where its sockets are.
  [[nodiscard]] ground on() const {
    if (!world_)
      return {};
    return {node_, [w = world_.get()] { (void)w->net().deliver(); }};
  }
  [[nodiscard]] proxy::network& network() const { return loop.network(); }
  /// One more poller of the kind.
  [[nodiscard]] std::unique_ptr<poller> make_poller() const {
    return world_                   ? node_->make_poller()
           : kind == back_end::poll ? make_poll_poller()
                                    : proxy::make_poller();
  }
  /// What a poller tells within a while.
  [[nodiscard]] size_t wait(poller& of, std::span<io_event> out, std::chrono::milliseconds limit) {
    on().settle();
    return of.wait(out, limit);
  }

  /// One turn of the loop, with what has been sent before.
  void turn() {
    on().settle();
    loop.turn(0ms);
  }
  template <class Predicate>
  [[nodiscard]] bool run_until(Predicate done, std::chrono::milliseconds limit = 60s) {
    return world_ ? world_->run_until(done, limit) : system_->run_until(done, limit);
  }
  void run_for(std::chrono::milliseconds span) {
    (void)run_until([] { return false; }, span);
  }

  const back_end kind;

private:
  std::unique_ptr<simulation::world> world_;
  simulation::node* node_;
  std::unique_ptr<loop_fixture> system_;

public:
  event_loop& loop;
};

} // namespace proxy::test
