#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "actors/loop/system/network.hpp"

namespace proxy {

/// How calls on sockets are made: what was wanted, and what the system allows.
struct io_choice {
  /// What makes those of a turn together (`call_batch`), for one loop; nullptr: none does.
  std::unique_ptr<call_executor> first;
  int error = 0;            ///< errno, where that was tried and cannot be.
  bool is_demanded = false; ///< No other way will do.

  [[nodiscard]] bool batched() const noexcept { return first != nullptr; }
  /// "batched" or "plain".
  [[nodiscard]] std::string_view str() const noexcept { return batched() ? "batched" : "plain"; }
  /// Why not, for people; "" when nothing stood in the way.
  [[nodiscard]] std::string why() const { return why(error); }
  /// The same of an errno.
  [[nodiscard]] static std::string why(int error);
};

/// @param wanted  "auto", "batched" or "plain": `io` of the configuration.
[[nodiscard]] io_choice choose_io(std::string_view wanted, network& on);

} // namespace proxy
