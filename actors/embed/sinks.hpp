#pragma once

#include <codex/network_proxy.hpp>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "actors/embed/callback_pool.hpp"
#include "actors/network_proxy.hpp"

namespace proxy::embed {

/// Hands what is told to functions of the program, each on a thread of its own, so that one that
/// blocks holds up nobody else. Lives longer than the proxy that tells.
class sinks {
public:
  /// @param lines  Gets them one by one, without their ends.
  /// @returns what the proxy writes to.
  [[nodiscard]] line_taker add_lines(std::function<void(std::string_view)> lines);
  [[nodiscard]] std::function<void(const decision_event_ptr&)>
  add_observer(std::function<void(const codex::blocked_request&)> observe);

  /// Waits until all that was told is heard, for all of them together until the deadline.
  void end(callback_pool::clock::time_point deadline = callback_pool::clock::now() +
                                                       callback_pool::end_patience) noexcept;

private:
  std::vector<std::shared_ptr<callback_pool>> threads_;
};

} // namespace proxy::embed
