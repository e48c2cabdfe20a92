#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocols/http1/message.hpp"

namespace proxy::http2 {

/// One message that comes as heads, data and trailers, to be read in HTTP/1.1. Holds as much as the
/// flow-control window lets the peer send.
class incoming_message {
public:
  /// An interim head, or the final one.
  void add_head(std::string_view text) { text_ += text; }
  /// What follows is the body.
  void begin_body(http1::framing how) noexcept { framing_ = how; }
  void add_data(std::string_view bytes);
  /// @param trailers  Lines, each with its CRLF.
  void end(std::string_view trailers);

  /// Reads on. @returns how much; 0 when there is nothing.
  size_t read(std::span<char> into) noexcept;
  /// How many bytes of data were read since this was last asked: room for the peer to send as many.
  [[nodiscard]] size_t take_credit() noexcept;

  [[nodiscard]] bool has_text() const noexcept { return read_ < text_.size(); }
  /// The message is whole, though some of it may still be unread.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

private:
  std::string text_; ///< From `read_` on it is unread.
  size_t read_ = 0;
  size_t data_ = 0; ///< Bytes of data in the text, read or not, not yet credited.
  size_t credit_ = 0;
  http1::framing framing_ = http1::framing::none;
  bool ended_ = false;
};

} // namespace proxy::http2
