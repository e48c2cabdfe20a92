#pragma once

#include "actors/serve/client/session_owner.hpp"

namespace proxy {

/// One client's connection to the proxy.
class connection final : public session_owner {
public:
  connection(caf::actor_config& cfg, shard_core& owner, endpoint serves, client_address from);
  ~connection() override;

  const char* name() const override { return "connection"; }

  /// Takes the client's socket and starts the flow. Call once, right after spawning.
  /// @param held_back  The descriptor is one of those that are: the client is turned away.
  void begin(int descriptor, bool held_back);

private:
  friend class roster<connection>;
  void leave() override;
  void log_end() const;
  /// Which limit on connections, or on memory, its client has met.
  /// @returns nothing, or errc::overloaded.
  [[nodiscard]] caf::error met_limit(bool held_back);

  size_t place_ = 0; ///< In the shard's list.
};

} // namespace proxy
