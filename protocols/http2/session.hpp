#pragma once

#include <algorithm>
#include <caf/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/error.hpp"
#include "protocols/http2/head.hpp"
#include "protocols/http2/incoming.hpp"
#include "protocols/http2/outgoing.hpp"
#include "protocols/http2/stream_state.hpp"

struct nghttp2_session;

namespace proxy::http2 {

struct session_limits {
  uint32_t max_streams = 100;               ///< That a client may have open at a time.
  uint32_t stream_window = 256 * 1024;      ///< Bytes a client's stream may be ahead of its reader.
  uint32_t connection_window = 1024 * 1024; ///< Bytes all streams of a client may be ahead.
  /// Bytes a stream of an upstream may be ahead of its reader, at first and at most.
  uint32_t upstream_window = 32 * 1024;
  uint32_t max_upstream_window = 256 * 1024;
  /// Bytes of bodies that all streams of a client may wait with for it to take them. Beyond it each
  /// has a little, so that none starves.
  size_t max_waiting = 1024 * 1024;
  /// Streams that a client may cut short, or have cut short by breaking the protocol, in one go;
  /// `earn_resets` gives it new ones (CVE-2023-44487, CVE-2025-8671).
  uint32_t max_resets = 200;
  /// Streams that we cut short at an upstream before it gets no new ones; with those that could be,
  /// twice as many. Servers end a connection for a thousand or some hundreds.
  uint32_t max_upstream_resets = 50;
  http1::head_limits head;
};

class session;

/// "CANCEL" and its like; "error N" for codes that nobody has registered (RFC 9113 §7).
[[nodiscard]] std::string name_of_code(uint32_t code);

/// One exchange on a session, used as one end of an HTTP/1.1 connection that serves no other: what
/// is read and written is HTTP/1.1. Belongs to its session.
class stream {
public:
  stream(session& of, const session_limits& limits);
  stream(const stream&) = delete;

  /// Whoever is told of news; the session does not look at it.
  void* user = nullptr;

  // -- reading --

  [[nodiscard]] size_t read(std::span<char> into);
  [[nodiscard]] bool has_text() const noexcept { return in_.has_text(); }
  /// The peer has sent all; what was not read yet can still be.
  [[nodiscard]] bool ended() const noexcept { return in_.ended(); }

  /// Client: its reader keeps up with the window, so that a larger one would make it faster.
  [[nodiscard]] bool outgrows_window() const noexcept;
  /// How much `grow_window` would add.
  [[nodiscard]] size_t window() const noexcept { return window_; }
  /// Doubles the window.
  void grow_window();

  // -- writing --

  /// @returns how many bytes were taken, 0 for none now; nullopt when there is no use in going on.
  [[nodiscard]] std::optional<size_t> write(std::string_view bytes);
  /// A good part of what a stream may hold is free.
  [[nodiscard]] bool has_room() const noexcept;
  /// Bytes of data that `write` would take.
  [[nodiscard]] size_t room() const noexcept;
  /// Ends a message without an end of its own: the open end of a WebSocket, a body until close.
  void finish();

  /// Whether a Sec-WebSocket-Accept answers the key that a client's extended CONNECT was given.
  [[nodiscard]] bool is_answered_by(std::string_view accept) const;

  // -- the end --

  /// As RFC 9113 §5.1 has it. A request is open once it waits to be sent.
  [[nodiscard]] stream_state state() const noexcept { return state_; }
  /// The peer, or the loss of the connection, has cut the exchange short.
  [[nodiscard]] bool is_reset() const noexcept { return cut_ != cut::none; }
  /// The peer has said that it did nothing with the request (RFC 9113 §8.7).
  [[nodiscard]] bool is_refused() const noexcept { return cut_ == cut::refused; }
  /// The peer wants the request over HTTP/1.1 (HTTP_1_1_REQUIRED), on this stream or altogether.
  [[nodiscard]] bool wants_http1() const noexcept;
  /// Why the peer has cut it short, in words with the name of the code; "" when it did not say.
  [[nodiscard]] std::string end_words() const;
  /// The code that the peer has cut it short with.
  [[nodiscard]] std::optional<uint32_t> end_code() const noexcept { return peer_error_; }
  /// If it is cut short, then for the reason that an upstream gave: with its code, where that means
  /// the same to a client whose response has begun.
  void pass_on(uint32_t end_code) noexcept;
  /// Gives the stream back: what was written whole is still sent, all else is cut short.
  void release();
  /// Gives the stream back and cuts it short, behind what was written already.
  void abort();

private:
  friend class session;
  friend class library_calls;

  /// The id of a stream that the library does not know: not yet, or not any more.
  static constexpr int32_t unknown = -1;

  /// Who has it.
  enum class holder : uint8_t {
    expected, ///< Nobody yet: its head is on its way, or was not accepted.
    flow,
    nobody, ///< It was given back.
  };
  /// What has cut the exchange short; the first that did counts.
  enum class cut : uint8_t {
    none,
    by_peer, ///< By a reset, a fault, or the loss of its connection.
    refused, ///< By the peer, which has done nothing with the request.
    by_us,
    by_us_once_sent, ///< By us, as soon as the data that waits is sent.
  };

  // What the session's library tells.
  [[nodiscard]] bool take_head(bool ended);
  void take_data(std::string_view bytes);
  void take_end();
  /// The library has forgotten it.
  void take_close(uint32_t error);
  /// It ends, though neither both ends were sent nor we have cut it short.
  void take_cut(uint32_t error, stream_event event);

  /// Goes where the table of §5.1 leads. @returns false when it refuses: the stream, or the
  /// connection, is ended then.
  bool enter(stream_event what);
  /// Ends it for something that the peer did.
  void reject(uint32_t error);
  /// Says that it was the peer, if nobody has cut it short yet. A client that did so is counted,
  /// unless it had its whole answer.
  void blame_peer(cut how);
  /// Nothing comes of it any more.
  [[nodiscard]] bool is_over() const noexcept {
    return state_ == stream_state::closed && id_ == unknown;
  }

  [[nodiscard]] bool submit_head();
  [[nodiscard]] bool submit_request(const http1::head_limits& limits);
  [[nodiscard]] bool submit_response(const http1::head_limits& limits);
  /// Begins to send what has these fields, and the body that follows. @returns less than 0: not.
  [[nodiscard]] int submit(const std::vector<field>& fields);
  /// Moves data to the library. @returns how much, or that there is none now.
  [[nodiscard]] ptrdiff_t give_data(std::span<unsigned char> into, uint32_t& flags);
  [[nodiscard]] bool fits_window() const;
  void resume();
  /// Tells the session what this holds now.
  void recount() noexcept;
  void abort_with(uint32_t error);
  void reset(uint32_t error);
  void let_go();

  session& session_;
  field_section section_;
  exchange_facts facts_;
  incoming_message in_;
  outgoing_message out_;
  size_t place_ = 0;      ///< In the session's list.
  size_t owed_ = 0;       ///< Bytes of data that the connection's window has not got back.
  size_t window_ = 0;     ///< Client: bytes that the upstream may be ahead.
  size_t read_ahead_ = 0; ///< Client: bytes read since the window last grew.
  size_t head_size_ = 0;  ///< Of heads that the library has and has not sent.
  size_t held_ = 0;       ///< As the session was told.
  size_t waiting_ = 0;    ///< As the session was told.
  int32_t id_ = unknown;
  stream_state state_ = stream_state::idle;
  holder holder_ = holder::expected;
  cut cut_ = cut::none;
  bool has_news_ = false;              ///< It is in the session's list of those.
  bool deferred_ = false;              ///< The library waits for data.
  std::optional<uint32_t> peer_error_; ///< Of its RST_STREAM.
  uint32_t cut_code_;                  ///< Of ours, when somebody gives up on it.
};

/// One HTTP/2 connection (RFC 9113) without its I/O, over nghttp2: bytes in, bytes out, and streams
/// between. Everything a peer can make grow has a limit: header sections, streams, windows, acks,
/// resets, CONTINUATION frames.
class session {
public:
  session(role as, const session_limits& limits);
  session(const session&) = delete;
  ~session();

  /// Takes what the peer sent. @returns an error when the connection is beyond use; what `output`
  /// has is to be sent still.
  [[nodiscard]] caf::error receive(std::string_view bytes);
  /// The next bytes to send, until the next call of anything here; "" for none.
  [[nodiscard]] std::string_view output();
  /// Both sides have said goodbye, or one has broken the protocol: close.
  [[nodiscard]] bool is_over() const noexcept;
  /// The transport is gone: all streams are cut short.
  void lose();

  /// Takes no new streams; those that are open go on (RFC 9113 §6.8).
  void drain();
  [[nodiscard]] bool is_draining() const noexcept { return draining_; }

  /// Server: the next stream that a client has opened, its head whole; nullptr for none.
  [[nodiscard]] stream* accept();
  /// Client: a stream for one exchange; nullptr when there is no room.
  [[nodiscard]] stream* open();
  /// Client: whether `open` has room.
  [[nodiscard]] bool may_open() const noexcept;
  /// The peer's settings are known.
  [[nodiscard]] bool is_ready() const noexcept { return ready_; }
  /// The peer takes an extended CONNECT (RFC 8441 §3).
  [[nodiscard]] bool takes_websockets() const noexcept;

  /// The next stream with something new to see; nullptr for none.
  [[nodiscard]] stream* take_news();
  /// Streams that somebody holds, will hold, or that still have something to send. One whose head
  /// is not whole is none yet.
  [[nodiscard]] size_t stream_count() const noexcept {
    return streams_.size() - (heading_ ? 1 : 0);
  }
  /// Lets the client cut so many more streams short.
  void earn_resets(uint32_t count) noexcept {
    resets_ -= std::min(resets_, role_ == role::server ? count : 0);
  }
  /// How many it has cut short and not earned back; for an upstream, how many we have.
  [[nodiscard]] uint32_t resets() const noexcept { return resets_; }
  /// Bytes that its streams hold, read and unread.
  [[nodiscard]] size_t held() const noexcept { return held_; }
  /// What the peer did wrong, "" for nothing.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  /// The peer has said goodbye because it wants HTTP/1.1.
  [[nodiscard]] bool wants_http1() const noexcept;
  /// Why the connection ended: what the peer's goodbye says, or what it did wrong; "" for neither.
  [[nodiscard]] std::string end_words() const;

private:
  friend class stream;
  friend class library_calls;

  stream& add();
  /// Frees a stream that nobody needs any more.
  void drop_if_over(stream& s);
  void tell(stream& s);
  /// Lets the peer send as much more.
  void give_back(stream& s, size_t size);
  /// Counts what costs the peer little and us something.
  void count_idle_frame();
  /// Counts a stream that the client has cut short, or made us cut.
  void count_reset();
  /// Ends a connection whose peer wears us out.
  void calm_down(std::string why);
  /// Ends the connection for its peer's fault.
  void give_up(uint32_t code, std::string why);
  /// Bytes of data that a stream may hold.
  [[nodiscard]] size_t room_per_stream() const noexcept;

  role role_;
  session_limits limits_;
  nghttp2_session* handle_ = nullptr;
  std::vector<std::unique_ptr<stream>> streams_;
  std::vector<stream*> accepted_;
  std::vector<stream*> news_;
  stream* heading_ = nullptr; ///< Server: its head is on its way; there can be only one.
  std::string fault_;
  std::optional<uint32_t> goodbye_; ///< The code of the peer's last GOAWAY.
  std::string goodbye_text_;        ///< What it said beside it, printable.
  uint32_t idle_frames_ = 0;
  uint32_t resets_ = 0;
  size_t held_ = 0;    ///< Of all streams.
  size_t waiting_ = 0; ///< Of these, data that the peer has to take.
  bool ready_ = false;
  bool draining_ = false; ///< We, or the peer, have sent GOAWAY.
  bool lost_ = false;
  bool given_up_ = false;
};

} // namespace proxy::http2
