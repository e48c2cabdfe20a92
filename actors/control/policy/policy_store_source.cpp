#include <caf/send.hpp>

#include <exception>

#include "actors/control/policy/policy_store_steps.hpp"
#include "actors/observe/log/log.hpp"

// A source reads files, and those may be on a pipe or a file system that never answers. One that
// misses its deadline is let go of, and the next change asks another. It cannot be ended while it
// reads, and its thread stays until it goes on, so there are few of them at a time.

namespace proxy {

namespace {

/// Lets go of a source that hangs: it ends when it goes on, which is no loss.
void let_go_of_source(store_pointer self) {
  auto& s = self->state;
  auto source = std::exchange(s.now.source, nullptr);
  s.hanging.insert(source.address());
  // Before it is told to: who watches takes every other end for a loss.
  caf::anon_send(s.now.supervisor, atom::watch_v, std::string{"policy_source that hangs"}, true,
                 caf::actor_cast<caf::strong_actor_ptr>(source));
  caf::anon_send_exit(source, caf::exit_reason::user_shutdown);
  log_of(self).warn("msg=policy_source_hangs hanging={} limit={}", s.hanging.size(),
                    max_hanging_sources);
}

} // namespace

void watch_source(store_pointer self) { self->monitor(self->state.now.source); }

bool loses_source(store_pointer self, const caf::down_msg& gone) {
  auto& s = self->state;
  if (s.hanging.erase(gone.source) > 0) // it went on at last
    return false;
  return s.now.source && s.now.source.address() == gone.source && !was_told_to_end(gone.reason);
}

std::string obtain_source(store_pointer self) {
  auto& s = self->state;
  if (s.now.source)
    return "";
  if (s.hanging.size() >= max_hanging_sources)
    return "the policy source does not deliver: " + std::to_string(s.hanging.size()) +
           " hang and no more are begun; see to what they read (a pipe, a file system), or restart";
  try {
    s.now.source = s.now.begin_source();
    watch_source(self);
  } catch (const std::exception& e) { // no thread is left
    return std::string{"the policy source does not deliver: none can be begun: "} + e.what();
  }
  return "";
}

std::string undelivered(store_pointer self, const caf::error& why) {
  if (why != caf::sec::request_timeout) // it is lost, and the proxy ends
    return "the policy source does not deliver: " + self->system().render(why);
  let_go_of_source(self);
  return "the policy source does not deliver: it hangs since " +
         std::to_string(delivery_patience.count()) +
         " s (a pipe, a file system); the next change " +
         (self->state.hanging.size() < max_hanging_sources ? "asks another one"
                                                           : "has to wait until it goes on");
}

} // namespace proxy
