#pragma once

#include <cstdint>

namespace proxy::http2 {

/// Which end of the connection we are.
enum class role : uint8_t { client, server };

/// What RFC 9113 §5.1 calls a stream's states. Nobody pushes to us (SETTINGS_ENABLE_PUSH is 0) and
/// we push to nobody, so no stream is ever reserved.
enum class stream_state : uint8_t { idle, open, half_closed_local, half_closed_remote, closed };

/// What moves a stream from state to state: frames, as END_STREAM counted for itself, and the end
/// of what carries them.
enum class stream_event : uint8_t {
  sent_headers,
  sent_data,
  sent_end_stream,
  sent_reset,
  received_headers,
  received_data,
  received_end_stream,
  received_reset,
  received_window_update,
  received_priority,
  /// No frame: the connection is gone, or goes on without this stream (GOAWAY, §6.8), or what
  /// should have opened it never left.
  lost,
};

inline constexpr unsigned stream_states = static_cast<unsigned>(stream_state::closed) + 1;
inline constexpr unsigned stream_events = static_cast<unsigned>(stream_event::lost) + 1;

/// What a frame does to a stream in some state.
struct transition {
  enum class verdict : uint8_t {
    legal,
    stream_error,     ///< The stream ends with `code` (§5.4.2).
    connection_error, ///< The connection does (§5.4.1).
  };
  verdict is = verdict::legal;
  stream_state next = stream_state::idle; ///< @pre legal
  uint32_t code = 0;                      ///< Of §7; NO_ERROR when legal.

  [[nodiscard]] constexpr bool legal() const noexcept { return is == verdict::legal; }
  friend bool operator==(const transition&, const transition&) = default;
};

/// The table of RFC 9113 §5.1, for streams that clients open. Frames for a stream that is closed
/// are late, and discarded, as the RFC lets an endpoint do for all of them; none is sent for one.
[[nodiscard]] transition after(role we_are, stream_state now, stream_event what) noexcept;

/// Whether DATA may be sent, and may come.
[[nodiscard]] constexpr bool may_send(stream_state s) noexcept {
  return s == stream_state::open || s == stream_state::half_closed_remote;
}
[[nodiscard]] constexpr bool may_receive(stream_state s) noexcept {
  return s == stream_state::open || s == stream_state::half_closed_local;
}

} // namespace proxy::http2
