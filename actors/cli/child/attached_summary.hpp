#pragma once

#include <cstdint>
#include <string>

#include "config/proxy_config.hpp"

namespace proxy::cli {

/// What a daemon refuses while a command runs, as its admin API tells it.
class attached_summary {
public:
  /// Asks how things stand. Failures are told at the end.
  /// @param user  Whose refusals count; "" for everybody's.
  attached_summary(config::proxy_config config, std::string user);

  /// The configuration with the admin token in it, where it is to be found, so that it is kept from
  /// the command.
  [[nodiscard]] const config::proxy_config& config() const noexcept { return config_; }

  /// Asks again. @returns what was refused since; "" when nothing was.
  [[nodiscard]] std::string text() const;

private:
  config::proxy_config config_;
  std::string user_;
  std::string failure_; ///< Why there is nothing to tell; "" when there is.
  uint64_t since_ = 0;  ///< The last entry of before.
  uint64_t total_ = 0;  ///< How many were refused before.
};

} // namespace proxy::cli
