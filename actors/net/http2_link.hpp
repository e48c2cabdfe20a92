#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/loop/task/waker.hpp"
#include "config/proxy_config.hpp"
#include "protocols/http2/session.hpp"

namespace proxy {

class transport;
class upstream;

/// What a session may take from its peer.
[[nodiscard]] http2::session_limits limits_of(const config::limits& from);

/// One HTTP/2 connection on its transport: moves the session's bytes and wakes the flows of its
/// streams, never from inside the session. Lives on one loop; shared by whoever has a stream of it,
/// and by the client's connection or the upstream pool that it belongs to.
class http2_link final : public ready_handler, public std::enable_shared_from_this<http2_link> {
public:
  /// The link to a client, on a transport that goes on belonging to the client's connection.
  /// @param owner  Hears of new streams and of the end.
  http2_link(event_loop& loop, transport& client, ready_handler& owner,
             const http2::session_limits& limits);
  /// The link to an upstream, whose connection it owns.
  /// @param io  The connection's.
  http2_link(event_loop& loop, std::shared_ptr<const upstream> carrier, transport& io,
             const http2::session_limits& limits);
  ~http2_link() override;

  /// Sends the preface. Call once, right after it is made.
  void start();
  /// Has the transport's news, or its turn.
  void fire() override;
  /// Sends what the session has, in this turn or the next: once for all streams.
  void schedule();
  /// Tells another flow of news from now on, or none.
  void belong_to(ready_handler* owner) noexcept { owner_ = owner; }
  /// The transport is about to go: every stream is cut short.
  void detach();

  [[nodiscard]] http2::session& session() noexcept { return session_; }
  /// Nothing more will come or go.
  [[nodiscard]] bool is_over() const noexcept;
  /// Why the TLS below has ended, when that says more than that it has; "".
  [[nodiscard]] const std::string& tls_fault() const noexcept { return tls_fault_; }
  /// When the peer last took something that waited to be sent; now, if nothing waits.
  [[nodiscard]] steady_time moved_at() const noexcept;
  /// Since when there are no streams; nullopt while there are some.
  [[nodiscard]] std::optional<steady_time> quiet_since() const noexcept;
  /// What an upstream's link runs on.
  /// @pre It was made with one.
  [[nodiscard]] const upstream& carrier() const noexcept { return *carrier_; }

  /// What its streams have moved so far.
  struct totals {
    uint64_t bytes_up = 0;
    uint64_t bytes_down = 0;
    uint32_t requests = 0;
  };
  totals moved;

  /// What the requests of a client's streams hold outside of it.
  size_t held_by_requests = 0;
  /// A client's streams hold so much that no new one is served.
  [[nodiscard]] bool is_full() const noexcept;
  static constexpr size_t max_held = 8 * 1024 * 1024;

  /// By how much the windows of streams have grown for the sake of this connection: of a client, or
  /// of an upstream.
  size_t grown = 0;
  static constexpr size_t max_grown_for_client = 2 * 1024 * 1024;
  static constexpr size_t max_grown_for_upstream = 8 * 1024 * 1024;
  [[nodiscard]] event_loop& loop() const noexcept { return loop_; }

private:
  /// @param unannounced  Reads once even where the loop has not told of anything to read.
  void receive(bool unannounced);
  void send();
  /// The transport broke, or the peer ended it.
  void lose();
  /// Has its flows told, once whoever runs now is off the stack.
  void schedule_wakes();

  event_loop& loop_;
  held_bytes held_;
  std::shared_ptr<const upstream> carrier_;
  transport* io_; ///< nullptr once it is gone.
  ready_handler* owner_ = nullptr;
  http2::session session_;
  std::string tls_fault_;
  std::string out_; ///< From `sent_` on it waits.
  size_t sent_ = 0;
  steady_time moved_at_;
  steady_time quiet_since_;
  steady_time earned_at_; ///< When the client was last given resets.
  bool busy_ = false;     ///< Had streams when it was last looked.
  bool scheduled_ = false;
};

} // namespace proxy
