#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocols/http1/chunked.hpp"
#include "protocols/http1/message.hpp"

namespace proxy::http2 {

/// One message that is written in HTTP/1.1, taken apart as its bytes come: heads, data, trailers.
/// Holds no more data than `max_data`, or less where there is less room.
class outgoing_message {
public:
  static constexpr size_t max_data = 64 * 1024;

  /// @param max_head  Longest head.
  explicit outgoing_message(size_t max_head) : max_head_(max_head) {}

  /// Takes bytes of the message up to the end of a head (`has_head`), of the message, or of the
  /// room.
  /// @returns how many; nullopt when they are no HTTP/1.1 message.
  [[nodiscard]] std::optional<size_t> write(std::string_view bytes);

  /// A head is whole: nothing more is taken before `begin_body`, or `skip_head` for an interim one.
  [[nodiscard]] bool has_head() const noexcept { return phase_ == phase::whole_head; }
  [[nodiscard]] std::string_view head() const noexcept { return head_; }
  void skip_head();
  void begin_body(http1::framing how, uint64_t length);

  /// The final head was taken.
  [[nodiscard]] bool has_begun() const noexcept { return phase_ > phase::whole_head; }

  /// Ends a message without another end of its own (`framing::until_close`).
  void finish() noexcept;

  /// From now on no more data than this is held; what is held already stays.
  void limit(size_t room) noexcept { room_ = std::min(room, max_data); }
  [[nodiscard]] bool has_room() const noexcept { return pending() < room_; }
  /// All of the message was taken.
  [[nodiscard]] bool finished() const noexcept { return phase_ == phase::done; }
  /// Only `finish` can end it.
  [[nodiscard]] bool is_open_ended() const noexcept { return phase_ == phase::open; }

  /// Data that waits to be sent.
  [[nodiscard]] size_t pending() const noexcept { return data_.size() - sent_; }
  /// Bytes of all kinds that are held.
  [[nodiscard]] size_t held() const noexcept { return pending() + head_.size() + trailers_.size(); }
  /// Moves data out. @returns how much.
  size_t take(std::span<unsigned char> into) noexcept;
  /// Lines of the trailer section, each with its CRLF; whole once `finished`.
  [[nodiscard]] std::string_view trailers() const noexcept { return trailers_; }

private:
  enum class phase : uint8_t { head, whole_head, length, chunks, open, done };

  [[nodiscard]] std::optional<size_t> write_head(std::string_view bytes);
  [[nodiscard]] std::optional<size_t> write_chunks(std::string_view bytes);
  size_t keep(std::string_view bytes);

  phase phase_ = phase::head;
  size_t max_head_;
  size_t room_ = max_data;
  size_t scanned_ = 0;
  uint64_t left_ = 0;
  std::string head_;
  std::string data_; ///< From `sent_` on it waits.
  size_t sent_ = 0;
  std::optional<http1::chunked_decoder> chunks_;
  std::string trailers_;
};

} // namespace proxy::http2
