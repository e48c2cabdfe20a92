#pragma once

#include <codex/network_proxy.hpp>

#include <functional>

#include "actors/network_proxy.hpp"

/// Our own program embeds the proxy as others do. What it needs besides is here.

namespace proxy::embed {

/// What it says of a proxy beyond what a builder takes.
struct own_program {
  config::sources from;
  failure_handler failed{};       ///< As of `start_order`; null: who waits for the proxy hears.
  abilities can{};                ///< The same.
  std::function<void()> loaded{}; ///< The same.
};

/// A builder of proxies that write to stderr where they are told to, and take the environment as it
/// is whenever they read it. The rest of what a builder takes counts for nothing.
[[nodiscard]] codex::network_proxy::builder builder_for(own_program what);

/// What is behind a handle, and lives as long.
[[nodiscard]] network_proxy& inside(const codex::network_proxy::handle& one);

} // namespace proxy::embed
