#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocols/http1/message.hpp"

namespace proxy::http2 {

/// One message that comes as heads, data and trailers, to be read in HTTP/1.1. Holds as much as the
/// flow-control window lets the peer send: data is framed when it is read, so that many small
/// pieces take no more room than one large.
class incoming_message {
public:
  /// An interim head, or the final one.
  void add_head(std::string_view text) { text_ += text; }
  /// What follows is the body.
  void begin_body(http1::framing how) noexcept {
    framing_ = how;
    phase_ = phase::body;
  }
  void add_data(std::string_view bytes);
  /// @param trailers  Lines, each with its CRLF.
  void end(std::string_view trailers);

  /// Reads on. @returns how much; 0 when there is nothing.
  size_t read(std::span<char> into);
  /// Bytes that wait to be read.
  [[nodiscard]] size_t held() const noexcept {
    return text_.size() - read_ + data_.size() - taken_ + tail_.size();
  }
  /// Room of its buffers, used or not.
  [[nodiscard]] size_t capacity() const noexcept {
    return text_.capacity() + data_.capacity() + tail_.capacity();
  }
  /// How many bytes of data were read since this was last asked: room for the peer to send as many.
  [[nodiscard]] size_t take_credit() noexcept;

  [[nodiscard]] bool has_text() const noexcept { return held() > 0; }
  /// The final head has come.
  [[nodiscard]] bool has_head() const noexcept { return phase_ != phase::heads; }
  /// The message is whole, though some of it may still be unread.
  [[nodiscard]] bool ended() const noexcept { return phase_ == phase::whole; }

private:
  enum class phase : uint8_t { heads, body, whole };

  /// Reads data, in a chunk of its own where the body is chunked.
  size_t read_data(std::span<char> into);
  /// Moves up to `size` bytes of data out. @pre there are as many
  void take(char* into, size_t size) noexcept;

  std::string text_; ///< Heads, then what is read piecemeal; from `read_` on it is unread.
  size_t read_ = 0;
  std::string data_; ///< Behind the text; from `taken_` on it is unread.
  size_t taken_ = 0;
  std::string tail_; ///< Behind the data: the last chunk and the trailers.
  size_t credit_ = 0;
  http1::framing framing_ = http1::framing::none;
  phase phase_ = phase::heads;
};

} // namespace proxy::http2
