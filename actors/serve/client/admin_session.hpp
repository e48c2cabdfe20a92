#pragma once

#include <caf/typed_actor.hpp>

#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/serve/client/client_io.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy {

/// One connection to the admin API. Lives on the loop that accepted it (or was handed it) and owns
/// itself while its flow runs; the shard only lists it.
using admin_session_actor = caf::typed_actor<
  // Finish what is under way, take nothing new.
  caf::reacts_to<atom::drain>,
  // The same, and do not wait for what the client has not sent by now.
  caf::reacts_to<atom::close>,
  // End now.
  caf::reacts_to<atom::abort>>;

class admin_session final : public pinned_actor<admin_session_actor>, public client_end {
public:
  using super = pinned_actor<admin_session_actor>;

  admin_session(caf::actor_config& cfg, shard_core& owner, client_address from);
  ~admin_session() override;

  const char* name() const override { return "admin_session"; }

  /// Takes the client's socket and starts the flow, unless there are too many sessions. Call once,
  /// right after spawning.
  void begin(int descriptor);

private:
  friend class roster<admin_session>;
  behavior_type make_behavior() override;
  /// Closes the socket and lets go of itself. The flow is at its end, or gone.
  void finish(closing how);
  static void flow_done(void* self) noexcept;
  caf::strong_actor_ptr self_;
  size_t place_ = 0;   ///< In the shard's list.
  task<closing> flow_; ///< Last: destroyed first.
};

} // namespace proxy
