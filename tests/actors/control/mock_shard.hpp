#pragma once

#include <caf/typed_response_promise.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "actors/serve/core/interfaces.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

/// What a shard was told to serve, and the answers that it owes.
struct noted {
  std::vector<snapshot_ptr> snapshots;
  std::vector<listener_set> listeners;
  std::deque<caf::typed_response_promise<uint64_t>> owed;
  bool closed = false;  ///< It was told to serve nobody any more.
  bool answers = false; ///< It owes answers to clients of the admin API when it is closed.
  std::vector<caf::typed_response_promise<bool>> closings; ///< That it does not confirm.
  bool hangs = false; ///< Its loop does not turn any more, as far as beats tell.
  std::vector<caf::typed_response_promise<worker_beat>> beats; ///< That it does not give.
};

/// A shard that acknowledges its oldest change when it is told how many tunnels that closed, and
/// answers with an error when it is told one; told true, it has given its last answers. (Promises
/// are kept by messages, not by the test: they use what their actor runs on.)
using mock_shard_actor =
  shard_actor::extend<caf::reacts_to<uint64_t>, caf::reacts_to<std::string>, caf::reacts_to<bool>>;

inline mock_shard_actor::behavior_type mock_shard(mock_shard_actor::pointer self,
                                                  std::shared_ptr<noted> into) {
  return {
    [=](uint64_t closed) {
      CAF_REQUIRE(!into->owed.empty());
      into->owed.front().deliver(closed);
      into->owed.pop_front();
    },
    [=](const std::string& why) {
      CAF_REQUIRE(!into->owed.empty());
      into->owed.front().deliver(caf::make_error(errc::system, why));
      into->owed.pop_front();
    },
    [=](bool) {
      for (auto& each : into->closings)
        each.deliver(true);
      into->closings.clear();
    },
    [=](atom::install, const snapshot_ptr& next, const listener_set& listeners) {
      into->snapshots.push_back(next);
      into->listeners.push_back(listeners);
      into->owed.push_back(self->make_response_promise<uint64_t>());
      return into->owed.back();
    },
    [](atom::listen, const peers_ptr&) {},
    [](atom::adopt, const accepted_socket_ptr&, endpoint, const ip_address&, uint16_t) {},
    [](atom::describe) { return std::vector<connection_info>{}; },
    [](atom::count) { return shard_counters{}; },
    [](atom::blocked) { return blocked_page{}; },
    [=](atom::beat) {
      auto beat = self->make_response_promise<worker_beat>();
      if (into->hangs)
        into->beats.push_back(beat);
      else
        beat.deliver(worker_beat{});
      return beat;
    },
    [](atom::drain) { return true; },
    [=](atom::close) {
      into->closed = true;
      auto done = self->make_response_promise<bool>();
      if (into->answers)
        into->closings.push_back(done);
      else
        done.deliver(true);
      return done;
    },
    [=](atom::abort) { self->quit(); },
  };
}

} // namespace proxy::test
