#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "actors/control/policy/policy_document.hpp"
#include "actors/messages.hpp"

namespace proxy {

/// What whoever asks for a policy wants of it.
struct policy_wish {
  std::optional<policy::mode> mode; ///< Set at run time; unset: what the source says.
  config::mode_override mode_as = config::mode_override::must_hold;
  config::added_patterns added{}; ///< At run time, before: kept as far as the source permits.
  config::added_patterns adds{};  ///< To be added now, or there is no document.
};

/// A document, or why there is none.
struct policy_delivery {
  std::shared_ptr<policy_document> document; ///< Null when a problem is an error. Nobody else's.
  std::vector<config::problem> problems;     ///< Warnings too.
};

using machine_addresses_read = std::optional<std::vector<ip_address>>;

/// Where policies come from: files today (`file_source`). Delivers what a policy is compiled from
/// and judges none of it but the limits that a managed layer sets. May take its time, so it lives
/// on a thread of its own; one per proxy, owned by `network_proxy`.
using policy_source_actor = caf::typed_actor<
  // The policy of now.
  caf::replies_to<atom::load, policy_wish>::with<policy_delivery>,
  // The addresses of this machine's interfaces, sorted; nothing when they cannot be read.
  caf::replies_to<atom::addresses>::with<machine_addresses_read>>;

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::policy_wish)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::policy_delivery)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::machine_addresses_read)
