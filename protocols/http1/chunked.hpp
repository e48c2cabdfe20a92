#pragma once

#include <caf/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy::http1 {

/// Whether a field may stand in a trailer section: not one that frames, routes or authenticates the
/// message (RFC 9110 §6.5.1).
[[nodiscard]] bool may_be_trailer(std::string_view name) noexcept;

/// How much of a sender's sloppiness is passed on.
enum class chunk_rules : uint8_t {
  strict,  ///< Requests: what another parser might read differently is refused.
  lenient, ///< Responses: blanks behind a size, sizes padded with zeros, and trailer fields that
           ///< belong into a head, which are left out (RFC 9110 §6.5.1).
};

/// Follows a chunked body (RFC 9112 §7.1) that is relayed as it came: finds where it ends and
/// refuses what another parser might read differently. CRLF only, at most 16 hex digits, blanks
/// before a chunk extension alone, extensions without control characters and at most 1 KiB a chunk,
/// trailer fields as strict as head fields and none that frames or routes a message
/// (Content-Length, Transfer-Encoding, Host, …); `chunk_rules` says what of it is not asked of
/// responses.
class chunked_decoder {
public:
  /// @param max_trailer_bytes Longest trailer section.
  explicit chunked_decoder(size_t max_trailer_bytes = 16 * 1024,
                           chunk_rules rules = chunk_rules::strict) noexcept
    : max_trailer_(max_trailer_bytes), rules_(rules) {}
  explicit chunked_decoder(chunk_rules rules) noexcept : chunked_decoder(16 * 1024, rules) {}

  /// Consumes a prefix of `in`, all of it unless the body ends inside.
  /// @returns how many bytes belong to this body, or errc::malformed (context: what, at which
  /// byte).
  [[nodiscard]] caf::expected<size_t> consume(std::string_view in);
  /// The same, and appends the data that is in there, without framing and trailers, to `data`.
  [[nodiscard]] caf::expected<size_t> decode(std::string_view in, std::string& data);

  /// The last chunk and the trailer section were consumed.
  [[nodiscard]] bool done() const noexcept { return state_ == state::done; }

  /// What comes next belongs to the trailer section.
  [[nodiscard]] bool in_trailer() const noexcept {
    return state_ == state::trailer || state_ == state::trailer_lf;
  }

  /// The lines of the trailer section that are whole and may stand there, each with its CRLF.
  [[nodiscard]] std::string_view trailers() const noexcept {
    return std::string_view{trailer_}.substr(0, line_start_);
  }
  /// Bytes of the trailer section so far, the empty line that ends it included.
  [[nodiscard]] size_t trailer_size() const noexcept { return trailer_size_; }

  /// Data bytes of the current chunk still to come: a relay may move that many without looking at
  /// them and report them by `skip`.
  [[nodiscard]] uint64_t pending_data() const noexcept { return state_ == state::data ? left_ : 0; }
  void skip(uint64_t n) noexcept;
  /// Data bytes so far, without framing and trailers.
  [[nodiscard]] uint64_t data_size() const noexcept { return data_size_; }

private:
  enum class state : uint8_t {
    size,
    blanks, ///< Behind a size.
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_lf,
    done
  };

  /// Each takes what belongs to its part from the front of `in`; nullptr or what is wrong.
  const char* take_size(std::string_view& in);
  const char* take_blanks(std::string_view& in);
  const char* take_extension(std::string_view& in);
  const char* take_trailer(std::string_view& in);
  const char* end_trailer_line();
  const char* expect(char wanted, state next, std::string_view& in);
  const char* step(std::string_view& in);

  state state_ = state::size;
  uint64_t data_size_ = 0;
  uint64_t left_ = 0;     ///< Size of the chunk while it is read, then data bytes still to come.
  size_t line_bytes_ = 0; ///< Digits, then bytes behind them, of the current chunk's first line.
  size_t max_trailer_;
  chunk_rules rules_;
  size_t trailer_bytes_ = 0; ///< As `trailer_size_`, without line ends.
  size_t trailer_size_ = 0;
  std::string trailer_; ///< Trailer lines; what has come of the current one from `line_start_` on.
  size_t line_start_ = 0;
};

} // namespace proxy::http1
