#pragma once

#include <array>
#include <limits>
#include <memory>
#include <string_view>

#include "actors/http2/stream.hpp"
#include "actors/loop/socket.hpp"
#include "tls/client.hpp"

namespace proxy {

/// One end of a conversation: a socket, in the clear or under TLS, or a stream of an HTTP/2
/// connection. Same results either way.
class transport {
public:
  socket raw; ///< Not open where there is a stream.

  /// From now on this is a stream, to be used in HTTP/1.1.
  void use(std::unique_ptr<http2_stream> stream) noexcept { stream_ = std::move(stream); }
  /// nullptr for a socket.
  [[nodiscard]] http2_stream* stream() const noexcept { return stream_.get(); }
  /// Bytes on the socket are the bytes of the conversation.
  [[nodiscard]] bool is_plain() const noexcept { return !tls_ && !stream_; }
  /// What was agreed on in the TLS handshake: "h2", "http/1.1" or "".
  [[nodiscard]] std::string_view protocol() const noexcept {
    return tls_ ? tls::protocol_of(*tls_) : std::string_view{};
  }
  /// Both directions are over.
  [[nodiscard]] bool dead() const noexcept { return stream_ ? stream_->dead() : raw.dead(); }
  /// Hands its events to another flow.
  void belong_to(ready_handler* wakes) noexcept {
    if (stream_)
      stream_->belong_to(wakes);
    else
      raw.belong_to(wakes);
  }

  /// Begins TLS: a session on the socket, or inside the TLS there is already (through a TLS proxy).
  [[nodiscard]] tls::ssl_ptr begin_tls(const tls::client_context& by, const host& name,
                                       const tls::client_options& options) const;
  /// From now on bytes go through this session, whose handshake is done.
  void secure(tls::ssl_ptr session) noexcept {
    outer_ = std::move(tls_);
    tls_ = std::move(session);
    ahead_ = has_pending();
  }
  [[nodiscard]] bool is_tls() const noexcept { return tls_ != nullptr; }

  /// A read may make progress.
  [[nodiscard]] bool may_read() const noexcept {
    return stream_ ? stream_->may_read() : raw.may_read() || ahead_;
  }
  [[nodiscard]] bool may_write() const noexcept {
    return stream_ ? stream_->may_write() : raw.may_write();
  }
  /// Bytes that a write would take, as far as that is known.
  [[nodiscard]] size_t room() const noexcept {
    return stream_ ? stream_->room() : std::numeric_limits<size_t>::max();
  }
  /// Something waits to be read, or the end was reached; asks the kernel when it is not known.
  [[nodiscard]] bool has_unread() noexcept { return (tls_ && has_pending()) || raw.has_input(); }

  [[nodiscard]] io_result read(std::span<char> into) noexcept {
    return stream_ ? stream_->read(into) : tls_ ? read_tls(into) : raw.read(into);
  }
  [[nodiscard]] io_result write(std::string_view bytes) noexcept {
    return stream_ ? stream_->write(bytes) : tls_ ? write_tls(bytes) : raw.write(bytes);
  }
  /// Both parts in one call where the transport can.
  [[nodiscard]] io_result write(std::string_view first, std::string_view second) noexcept;

  /// Of an upstream: why TLS, or a stream, has ended, when that says more than that it has; "".
  /// @param served  As for `tls::end_words`.
  [[nodiscard]] std::string end_words(bool served) const;

  /// Sends the end of stream (TLS: close_notify before it).
  void shutdown_write() noexcept;
  void close() noexcept;
  /// Closes so that the peer cannot take what it has for the whole.
  void abort() noexcept;

private:
  [[nodiscard]] bool has_pending() const noexcept {
    return tls::has_pending(*tls_) || (outer_ && tls::has_pending(*outer_));
  }
  [[nodiscard]] io_result read_tls(std::span<char> into) noexcept;
  [[nodiscard]] io_result write_tls(std::string_view bytes) noexcept;

  tls::ssl_ptr
    outer_; ///< The session that `tls_` runs inside, if any. Before it: destroyed after it.
  tls::ssl_ptr tls_;
  std::unique_ptr<http2_stream> stream_;
  /// TLS holds something that a read has not met yet: bytes that it took from the socket, whose
  /// readiness does not tell of them, or the end. False once it asks for more, as half a record
  /// does.
  bool ahead_ = false;
};

} // namespace proxy
