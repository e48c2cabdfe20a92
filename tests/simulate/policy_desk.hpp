#pragma once

#include <caf/event_based_actor.hpp>

#include <functional>
#include <memory>

#include "actors/control/policy/policy_source.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "tests/simulate/judge.hpp"

/// Who stands before and behind the policy store of a tested proxy: before it one by whom all
/// changes go, so that each is known from its beginning to its answer; behind it the source.

namespace proxy::simulate {

/// What the files would say, and what becomes of it.
struct policy_desk {
  allowance wanted;      ///< By the files.
  bool changing = false; ///< A change is under way: the next ones wait for it.
  std::function<std::shared_ptr<policy_document>(const allowance&, const policy_wish&)> compose;
  /// The source delivers this. Whatever comes of it, `settled` tells.
  std::function<void(const allowance&)> delivers;
  std::function<void(const reload_outcome&)> settled;
};

/// The source: delivers what is wanted.
policy_source_actor::behavior_type desk_source(policy_source_actor::pointer self,
                                               policy_desk* desk);

/// Takes changes one at a time to the store.
policy_store_actor::behavior_type desk_front(policy_store_actor::pointer self, policy_desk* desk,
                                             policy_store_actor store);

} // namespace proxy::simulate
