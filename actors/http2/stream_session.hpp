#pragma once

#include "actors/client_session.hpp"
#include "actors/http2/stream.hpp"

namespace proxy {

/// One stream of a client that speaks HTTP/2: serves its one request, and the tunnel that may
/// become of it.
class stream_session final : public pinned_session {
public:
  using super = pinned_session;

  /// @param of  The client's connection, or rather what of it goes for its streams as well.
  /// @param dialled  What was dialled for its tunnel and no stream has used, or nullptr.
  stream_session(caf::actor_config& cfg, const client_session& of,
                 std::unique_ptr<upstream> dialled, std::shared_ptr<http2_link> link,
                 http2::stream& stream);
  ~stream_session() override;

  const char* name() const override { return "stream_session"; }

  /// Starts the flow. Call once, right after spawning.
  void begin();

  [[nodiscard]] client_session& session() noexcept { return session_; }
  [[nodiscard]] const client_session& session() const noexcept { return session_; }

private:
  friend class roster<stream_session>;
  behavior_type make_behavior() override;
  /// Ends the stream and lets go of itself. The flow is at its end, or gone.
  void finish(ending how, closing by);
  /// Cancels the flow and finishes. Never from inside the flow.
  void end_from_outside(ending how);
  static void flow_done(void* self) noexcept;

  client_session session_;
  caf::strong_actor_ptr self_;
  size_t place_ = 0;   ///< In the shard's list.
  task<closing> flow_; ///< Last: destroyed first.
};

} // namespace proxy
