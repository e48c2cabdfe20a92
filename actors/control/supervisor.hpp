#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/control/listener_owner.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/core/interfaces.hpp"

namespace proxy {

/// How long who is asked at the end has for the answers that clients of the admin API wait for.
inline constexpr std::chrono::seconds last_answers{5};

/// What the supervisor is born with.
struct supervisor_start {
  log_ptr log; ///< Never null.
  listener_owner_actor listeners;
  /// Called once, on the supervisor's thread, with what the log says. Never null.
  std::function<void(const std::string& why)> failed;
  /// Hears of each that is watched; tests find whom to end.
  std::function<void(const std::string& name, const caf::strong_actor_ptr& who)> watched;
};

struct supervisor_state {
  static inline const char* name = "supervisor";
  explicit supervisor_state(supervisor_actor::pointer) {}

  struct entry {
    std::string name;
    bool may_end = false;
  };

  supervisor_start start;
  std::map<caf::actor_addr, entry> watched;
  peers_ptr workers;          ///< Null until they are all there.
  std::set<std::string> lost; ///< Their names: one is told once, whoever notices.
  std::string failure;        ///< What was lost first; "" while all is well.
  bool told = false;          ///< The owner knows of it.
  bool closed = false;        ///< The proxy ends in order.
  std::vector<caf::typed_response_promise<bool>> closing; ///< Wait until the owner knows.
};

/// Nobody is served from here on: not by workers, and not by the sockets that wait for them.
/// @param workers  Null while there are none.
void close_all(const listener_owner_actor& listeners, const peers_ptr& workers);

/// Calls `then` once every client of the admin API has the answer that it waits for, or
/// `last_answers` are over. Nobody is served from here on.
/// @param self     An actor that is there until then.
/// @param workers  Null while there are none.
/// @param lost     The name of who is lost, and not waited for; "" for an end in order.
template <class Self>
void await_last_answers(Self* self, const peers_ptr& workers, const std::string& lost,
                        std::function<void()> then);

/// Whether whoever ended so was told to.
[[nodiscard]] bool was_told_to_end(const caf::error& reason);

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, supervisor_start start);

} // namespace proxy
