#pragma once

#include <string>

#include "actors/loop/event_loop.hpp"
#include "tls/leaf_cache.hpp"
#include "tls/lru.hpp"

namespace proxy {

/// Certificates for hosts that are refused, to say so inside their tunnels. Whoever is refused
/// chooses the names, so they have room of their own beside those that are in use, and each client
/// has so many of them made in a time. Belongs to one shard.
class refusal_leaves {
public:
  /// New certificates that a client may ask for at once, and how long it takes until it may ask for
  /// one more.
  static constexpr double burst = 64;
  static constexpr std::chrono::milliseconds pause{500};

  /// Whether a host's certificate is there, or may be made for this client; that then counts.
  [[nodiscard]] bool may_show(const tls::authority& ca, const host& name, const std::string& client,
                              tls::leaf::time_point now);

  tls::leaf_cache cache{256};

private:
  /// What a client may still ask for.
  struct allowance {
    double left = burst;
    tls::leaf::time_point at{};
  };

  tls::lru<allowance> clients_{1024};
};

} // namespace proxy
