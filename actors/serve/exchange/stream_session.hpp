#pragma once

#include "actors/net/http2_stream.hpp"
#include "actors/serve/client/session_owner.hpp"

namespace proxy {

/// One stream of a client that speaks HTTP/2: serves its one request, and the tunnel that may
/// become of it.
class stream_session final : public session_owner {
public:
  /// @param of  The client's connection, or rather what of it goes for its streams as well.
  /// @param dialled  What was dialled for its tunnel and no stream has used, or nullptr.
  stream_session(caf::actor_config& cfg, const client_session& of,
                 std::unique_ptr<upstream> dialled, std::shared_ptr<http2_link> link,
                 http2::stream& stream);
  ~stream_session() override;

  const char* name() const override { return "stream_session"; }

  /// Starts the flow. Call once, right after spawning.
  void begin();

private:
  friend class roster<stream_session>;
  void leave() override;

  size_t place_ = 0; ///< In the shard's list.
};

} // namespace proxy
