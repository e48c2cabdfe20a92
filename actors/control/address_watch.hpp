#pragma once

#include <caf/typed_actor.hpp>
#include <memory>

#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/system/address_events.hpp"
#include "actors/serve/core/interfaces.hpp"

namespace proxy {

/// Tells the policy store when addresses of this machine may have changed, so that a listener on
/// all of them is known by each. Pinned to one loop, owned by `network_proxy`. Where the kernel has
/// no such news, addresses are read when the policy is.
using address_watch_actor = caf::typed_actor<
  // End.
  caf::reacts_to<atom::abort>>;

class address_watch final : public pinned_actor<address_watch_actor>, io_source, timer {
public:
  using super = pinned_actor<address_watch_actor>;

  address_watch(caf::actor_config& cfg, policy_store_actor tell);
  ~address_watch() override;

  const char* name() const override { return "address_watch"; }

private:
  behavior_type make_behavior() override;
  void on_exit() override;
  void on_ready() override;
  void on_timer() override;
  void stop();

  policy_store_actor store_;
  std::unique_ptr<address_events> events_;
  bool changed_again_ = false;
};

} // namespace proxy
