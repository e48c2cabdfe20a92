#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/control/policy/policy_store_behavior.hpp"

/// The steps of a change that the units of the policy store share. Nobody else's.

namespace proxy {

using store_pointer = policy_store_actor::stateful_pointer<policy_store_state>;
using change_ptr = std::shared_ptr<change_under_way>;

[[nodiscard]] inline logger& log_of(store_pointer self) { return *self->state.now.process->log; }

/// Logs what is wrong with a change, or peculiar about it.
void tell_problems(logger& log, const std::vector<config::problem>& problems);

/// The change under way is over: runs the one that has waited longest.
void next_change(store_pointer self);

/// Why no change may go on; "" when it may.
[[nodiscard]] std::string_view why_ending(const policy_store_state& s);

/// Whether an answer is for the change under way: one that was given up may still get some.
[[nodiscard]] inline bool is_under_way(store_pointer self, const change_ptr& change) {
  return self->state.change == change;
}

/// Tells every worker to serve the policy of now. The change is over when all of them do.
void push(store_pointer self, const listener_set& listeners);

// -- the source (policy_store_source.cpp) --

/// Hears when the source ends: whoever is asked may take the answer along.
void watch_source(store_pointer self);

/// A source has ended. @returns whether it was the one that is asked now, and not told to.
[[nodiscard]] bool loses_source(store_pointer self, const caf::down_msg& gone);

/// Has a source at hand: begins another one where the last has hung.
/// @returns why there is none; "" where there is one.
[[nodiscard]] std::string obtain_source(store_pointer self);

/// What an answer that did not come means; lets go of a source that hangs.
[[nodiscard]] std::string undelivered(store_pointer self, const caf::error& why);

/// Asks the source on behalf of the change under way. `deliver` gets the answer, or `fail` why
/// there is none; neither is called once that change is given up.
template <class Answer, class Deliver, class Fail, class... Ts>
void ask_source(store_pointer self, Deliver deliver, Fail fail, Ts... xs) {
  if (auto why = obtain_source(self); !why.empty())
    return fail(std::move(why));
  auto change = self->state.change;
  self->request(self->state.now.source, delivery_patience, xs...)
    .then(
      [self, change, deliver](Answer& answer) {
        if (is_under_way(self, change))
          deliver(answer);
      },
      [self, change, fail](const caf::error& why) {
        if (is_under_way(self, change))
          fail(undelivered(self, why));
      });
}

// -- the machine's addresses (policy_store_addresses.cpp) --

/// What cannot be read of this machine stays what it was, until it can.
void keep_addresses(store_pointer self, policy_document& document);

/// Reads the machine's addresses, and makes a generation of them where they matter and are new.
void begin_addresses(store_pointer self);

} // namespace proxy
