#pragma once

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "actors/net/http2_stream.hpp"
#include "actors/net/socket.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"

namespace proxy {

/// One end of a conversation: a socket, in the clear or under TLS, or a stream of an HTTP/2
/// connection. Same results either way.
class transport {
public:
  /// Takes over a socket of the loop (see `socket::open`).
  [[nodiscard]] bool open(event_loop& on, int descriptor, ready_handler* wakes,
                          socket::origin from = socket::origin::accepted) {
    return raw_.open(on, descriptor, wakes, from);
  }
  /// There is a socket.
  [[nodiscard]] bool is_open() const noexcept { return raw_.is_open(); }
  /// The address of the socket's end; of no family where there is none.
  [[nodiscard]] ip_sockaddr local_address() const noexcept { return raw_.local_address(); }
  /// As `network::translated_address`.
  [[nodiscard]] std::optional<ip_sockaddr> translated_address() const noexcept {
    return raw_.translated_address();
  }
  /// The error that a connect(2) ended with, 0 for none.
  [[nodiscard]] int take_error() noexcept { return raw_.take_error(); }

  /// As `socket::keep_alive`; the streams of a connection leave that to it.
  void keep_alive() noexcept { raw_.keep_alive(); }
  [[nodiscard]] bool is_kept_alive() const noexcept { return raw_.is_kept_alive(); }

  /// From now on this is a stream, to be used in HTTP/1.1.
  void use(std::unique_ptr<http2_stream> stream) noexcept { stream_ = std::move(stream); }
  /// nullptr for a socket.
  [[nodiscard]] http2_stream* stream() const noexcept { return stream_.get(); }
  /// Bytes on the socket are the bytes of the conversation.
  [[nodiscard]] bool is_plain() const noexcept { return !tls_ && !stream_ && back_.empty(); }
  /// They may go to another such socket without being copied, or come from one. What was read ahead
  /// has to be read first.
  [[nodiscard]] bool may_splice() const noexcept { return is_plain() && !raw_.has_read_ahead(); }
  /// What was agreed on in the TLS handshake: "h2", "http/1.1" or "".
  [[nodiscard]] std::string_view protocol() const noexcept {
    return tls_ ? tls::protocol_of(*tls_) : std::string_view{};
  }
  /// The peer has sent its last byte, as far as the system tells (`socket::peer_done`).
  [[nodiscard]] bool peer_done() const noexcept { return !stream_ && raw_.peer_done(); }
  /// As `socket::owes_bytes`.
  [[nodiscard]] bool owes_bytes() const noexcept { return raw_.owes_bytes(); }
  /// Both directions are over.
  [[nodiscard]] bool dead() const noexcept { return stream_ ? stream_->dead() : raw_.dead(); }
  /// As `socket::take_lost_write`; a stream of HTTP/2 tells at the write.
  [[nodiscard]] int take_lost_write() noexcept { return stream_ ? 0 : raw_.take_lost_write(); }
  /// Hands its events to another flow.
  void belong_to(ready_handler* wakes) noexcept {
    if (stream_)
      stream_->belong_to(wakes);
    else
      raw_.belong_to(wakes);
  }

  /// Begins TLS: a session on the socket, or inside the TLS there is already (through a TLS proxy).
  [[nodiscard]] tls::ssl_ptr begin_tls(const tls::client_context& context, const host& name,
                                       const tls::client_options& options);
  /// The same as a server, on the socket.
  /// @param received  What of the client was read before.
  [[nodiscard]] tls::ssl_ptr begin_tls(const tls::server_context& context, const tls::leaf& as,
                                       std::string received, const tls::server_options& options) {
    return context.session(as, raw_, std::move(received), options);
  }
  /// Goes on with a handshake: `tls::connect_step` or `tls::accept_step`. When it is done the bytes
  /// of the conversation go through the session, which moves here; when it wants something, that
  /// has to be waited for.
  [[nodiscard]] tls::step shake_hands(tls::ssl_ptr& session, tls::step (*go_on)(ssl_st&) noexcept);
  [[nodiscard]] bool is_tls() const noexcept { return tls_ != nullptr; }

  /// A read may make progress.
  [[nodiscard]] bool may_read() const noexcept {
    return stream_ ? stream_->may_read() : raw_.may_read() || tls_has_more_ || !back_.empty();
  }
  [[nodiscard]] bool may_write() const noexcept {
    return stream_ ? stream_->may_write() : raw_.may_write();
  }
  /// Bytes that a write would take, as far as that is known.
  [[nodiscard]] size_t room() const noexcept {
    return stream_ ? stream_->room() : std::numeric_limits<size_t>::max();
  }
  /// Something waits to be read, or the end was reached; asks the kernel when it is not known.
  [[nodiscard]] bool has_unread() noexcept {
    return !back_.empty() || (tls_ && has_pending()) || raw_.has_input();
  }

  [[nodiscard]] io_result read(std::span<char> into) noexcept {
    if (!back_.empty())
      return read_again(into);
    return stream_ ? stream_->read(into) : tls_ ? read_tls(into) : raw_.read(into);
  }
  /// Gives back what a read took of somebody else's bytes: they come first in the next one. TLS
  /// does not begin before they have.
  void put_back(std::string bytes) noexcept { back_ = std::move(bytes); }
  [[nodiscard]] io_result write(std::string_view bytes) noexcept {
    return stream_ ? stream_->write(bytes) : tls_ ? write_tls(bytes) : raw_.write(bytes);
  }
  /// Both parts in one call where the transport can.
  [[nodiscard]] io_result write(std::string_view first, std::string_view second) noexcept;

  /// Of an upstream: why TLS, or a stream, has ended, when that says more than that it has; "".
  /// @param served  As for `tls::end_words`.
  [[nodiscard]] std::string end_words(bool served) const;

  /// As `socket::splice_to` and `socket::splice_from`. @pre `may_splice()`
  [[nodiscard]] io_result splice_to(pipe_ends to, size_t limit) noexcept {
    return raw_.splice_to(to, limit);
  }
  [[nodiscard]] io_result splice_from(pipe_ends from, size_t size, bool more) noexcept {
    return raw_.splice_from(from, size, more);
  }

  /// Sends the end of stream (TLS: close_notify before it). @returns false when there is no room
  /// for that now: to be called again once `may_write`.
  [[nodiscard]] bool shutdown_write() noexcept;
  void close() noexcept;
  /// Closes so that the peer cannot take what it has for the whole.
  void abort() noexcept;

private:
  [[nodiscard]] bool has_pending() const noexcept {
    return tls::has_pending(*tls_) || (outer_ && tls::has_pending(*outer_));
  }
  [[nodiscard]] io_result read_again(std::span<char> into) noexcept;
  [[nodiscard]] io_result read_tls(std::span<char> into) noexcept;
  [[nodiscard]] io_result write_tls(std::string_view bytes) noexcept;

  socket raw_; ///< Not open where there is a stream.
  tls::ssl_ptr
    outer_; ///< The session that `tls_` runs inside, if any. Before it: destroyed after it.
  tls::ssl_ptr tls_;
  std::unique_ptr<http2_stream> stream_;
  /// TLS holds something that a read has not met yet: bytes that it took from the socket, whose
  /// readiness does not tell of them, or the end. False once it asks for more, as half a record
  /// does.
  bool tls_has_more_ = false;
  std::string back_; ///< Was put back.
};

} // namespace proxy
