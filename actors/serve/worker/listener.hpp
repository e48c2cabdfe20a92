#pragma once

#include <caf/typed_actor.hpp>
#include <memory>
#include <optional>

#include "actors/loop/pinned_actor.hpp"
#include "actors/net/bound_listener.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy {

/// Accepts connections of one listening socket for one shard. Pinned to the shard's loop, owned by
/// it. When descriptors run out, a few clients at a time are turned away on some that were held
/// back; beyond that it pauses and tries again, so that nothing spins.
using listener_actor = caf::typed_actor<
  // Stop accepting and end.
  caf::reacts_to<atom::abort>>;

/// Spawns who serves an accepted descriptor on the shard's own loop: a `connection`, or an
/// `admin_session`. Closes one whom the shard takes in no more.
/// @param held_back  It is one of those that are, so that clients can be turned away.
void spawn_session(shard_core& on, int descriptor, endpoint serves, const ip_address& ip,
                   uint16_t port, bool held_back = false);

class listener final : public pinned_actor<listener_actor>, io_source, timer {
public:
  using super = pinned_actor<listener_actor>;

  listener(caf::actor_config& cfg, shard_core& owner, bound_listener_ptr socket);
  ~listener() override;

  const char* name() const override { return "listener"; }

  /// Accepts nobody any more and lets go of the socket. On its loop, and at once: what waits in the
  /// socket's queue would be accepted before any message is heard.
  void close();
  /// Whether clients that connect are served. One that pauses now and then for want of descriptors
  /// does; one that has done nothing else for a second does not.
  [[nodiscard]] bool accepts() const noexcept;

private:
  behavior_type make_behavior() override;
  void on_exit() override;
  void on_ready() override;
  [[nodiscard]] size_t weight() const noexcept override { return expected_; }
  void read_ahead(call_batch& calls) noexcept override;
  /// The next connection, or -1 and errno.
  [[nodiscard]] int accept(ip_sockaddr& peer) noexcept;
  void on_timer() override;
  void begin();
  void stop();
  /// Accepts nobody for a moment.
  void rest();
  /// Accepts on a descriptor that was held back, when there are no others. @returns false, with
  /// errno set, when nobody was accepted.
  [[nodiscard]] bool accept_on_reserve();
  /// Hands an accepted connection to the shard that should have it.
  void place(int descriptor, const ip_address& ip, uint16_t port);

  shard_core& shard_;
  bound_listener_ptr socket_; ///< Null once it is closed.
  bool watching_ = false;
  bool asked_ahead_ = false; ///< In this turn.
  size_t expected_ = 1;      ///< Connections that a turn brings, as far as the last ones tell.
  std::optional<steady_time> resting_since_; ///< It has done nothing else; unset: it accepts.
  steady_time rested_at_{};                  ///< Last.
};

} // namespace proxy
