#pragma once

#include <spdlog/logger.h>

#include <memory>

#include "config/proxy_config.hpp"

namespace proxy {

/// A logger on stderr for lines that already read `msg=… key=value …`; it adds time and level.
/// Lines wait in a bounded queue for a thread that writes them; when it is full the oldest are
/// dropped, so that a slow stderr never slows a connection. The last owner to let go waits until
/// what is queued is written.
[[nodiscard]] std::shared_ptr<spdlog::logger> make_logger(const config::log& settings);

/// Gives a logger of `make_logger` new settings. From any thread.
void apply(spdlog::logger& logger, const config::log& settings);

} // namespace proxy
