#pragma once

#include "actors/loop/system/clock.hpp"
#include "actors/loop/system/entropy.hpp"
#include "actors/loop/system/network.hpp"

namespace proxy {

/// What a proxy runs on: its time, its chance and its network. Nothing but a machine reads a clock,
/// draws a random number or opens a socket, so that a test can make one up. To be copied; what it
/// refers to outlives every loop.
struct machine {
  const proxy::clock& clock;
  proxy::entropy& entropy;
  proxy::network& network;
};

/// The one that this process runs on.
[[nodiscard]] const machine& this_machine() noexcept;

} // namespace proxy
