#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/loop/calls/call_batch.hpp"
#include "actors/loop/system/network.hpp"

namespace proxy {

/// How calls on sockets are made: what was wanted, and what the system allows.
struct io_choice {
  /// What makes those of a turn together (`call_batch`), for the first loop.
  std::unique_ptr<call_executor> first;
  int error = 0;            ///< errno, where that was tried and cannot be.
  bool is_demanded = false; ///< No other way will do.
  bool is_batched = false;

  using make = std::function<std::unique_ptr<call_executor>()>;
  using tell = std::function<void(const std::string& why)>;
  /// Has the calls of one more loop made so.
  /// @param another    Makes what makes them, as `network::make_executor`.
  /// @param not_after_all  Hears why, when they are made one by one all the same: now, or when what
  ///                   makes them has to give up.
  /// @returns false where they cannot be, and no other way will do: `why` tells.
  [[nodiscard]] bool apply(call_batch& to, const make& another, tell not_after_all);

  /// "batched" or "plain".
  [[nodiscard]] std::string_view str() const noexcept { return is_batched ? "batched" : "plain"; }
  /// Why not, for people; "" when nothing stood in the way.
  [[nodiscard]] std::string why() const { return why(error); }
  /// The same of an errno.
  [[nodiscard]] static std::string why(int error);
};

/// @param wanted  "auto", "batched" or "plain": `io` of the configuration.
[[nodiscard]] io_choice choose_io(std::string_view wanted, network& on);

} // namespace proxy
