#pragma once

#include <memory>

#include "actors/net/http2_link.hpp"
#include "actors/net/socket.hpp"

namespace proxy {

/// One stream of a link where a flow has a socket otherwise: the flow reads and writes HTTP/1.1
/// (`http2::stream`). Held by the flow; letting go of it ends the stream.
class http2_stream final {
public:
  http2_stream(std::shared_ptr<http2_link> link, http2::stream& of, ready_handler* wakes) noexcept
    : link_(std::move(link)), stream_(of), wakes_(wakes) {
    stream_.user = this;
  }
  http2_stream(const http2_stream&) = delete;
  ~http2_stream();

  [[nodiscard]] bool may_read() const noexcept {
    return stream_.has_text() || stream_.ended() || stream_.is_reset();
  }
  /// Bytes that a write would take.
  [[nodiscard]] size_t room() const noexcept { return stream_.room(); }
  [[nodiscard]] bool may_write() const noexcept { return stream_.has_room() || stream_.is_reset(); }
  /// The peer, or the loss of the link, has cut it short.
  [[nodiscard]] bool dead() const noexcept { return stream_.is_reset(); }
  /// Whether a Sec-WebSocket-Accept answers the handshake that was made of the client's request.
  [[nodiscard]] bool is_answered_by(std::string_view accept) const {
    return stream_.is_answered_by(accept);
  }
  /// The peer did nothing with the request.
  [[nodiscard]] bool is_refused() const noexcept { return stream_.is_refused(); }

  /// Of an upstream: it wants the request over HTTP/1.1.
  [[nodiscard]] bool wants_http1() const noexcept { return stream_.wants_http1(); }
  /// Of an upstream: why it has cut the stream short; "" when it did not say.
  [[nodiscard]] std::string end_words() const;
  /// The code that the peer has cut it short with.
  [[nodiscard]] std::optional<uint32_t> end_code() const noexcept { return stream_.end_code(); }
  /// Of a client: if it is cut short, then because an upstream did with this code.
  void pass_on(uint32_t end_code) noexcept { stream_.pass_on(end_code); }

  [[nodiscard]] io_result read(std::span<char> into);
  [[nodiscard]] io_result write(std::string_view bytes);
  /// Sends the end of stream, where the message has no end of its own.
  void finish();
  /// Cuts it short, so that the peer cannot take what it has for the whole.
  void abort();

  /// Of an upstream: it is read for a stream of this client, whose account the growth of its window
  /// goes to as well.
  void read_for(const http2_stream& client) { reader_ = client.link_; }

  void belong_to(ready_handler* wakes) noexcept { wakes_ = wakes; }
  /// There are news.
  void wake() {
    if (wakes_)
      wakes_->fire();
  }
  [[nodiscard]] http2_link& link() noexcept { return *link_; }

private:
  /// Lets the upstream send more ahead to a reader that keeps up, as far as memory goes.
  void grow_window();

  std::shared_ptr<http2_link> link_;
  std::shared_ptr<http2_link> reader_; ///< Where the client has one.
  http2::stream& stream_;
  ready_handler* wakes_;
  size_t grown_ = 0;
  bool aborted_ = false;
};

} // namespace proxy
