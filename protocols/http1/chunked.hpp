#pragma once

#include <caf/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy::http1 {

/// Follows a chunked body (RFC 9112 §7.1) that is relayed as it came: finds where it ends and refuses
/// what another parser might read differently. Strict: CRLF only, at most 16 hex digits, chunk
/// extensions without control characters and at most 1 KiB a chunk, trailer fields as strict as head
/// fields and none that frames or routes a message (Content-Length, Transfer-Encoding, Host, …).
class chunked_decoder {
public:
  /// @param max_trailer_bytes Longest trailer section.
  explicit chunked_decoder(size_t max_trailer_bytes = 16 * 1024) noexcept : max_trailer_(max_trailer_bytes) {}

  /// Consumes a prefix of `in`, all of it unless the body ends inside.
  /// @returns how many bytes belong to this body, or errc::malformed (context: what, at which byte).
  [[nodiscard]] caf::expected<size_t> consume(std::string_view in);

  /// The last chunk and the trailer section were consumed.
  [[nodiscard]] bool done() const noexcept { return state_ == state::done; }

  /// Data bytes of the current chunk still to come: a relay may move that many without looking at them
  /// and report them by `skip`.
  [[nodiscard]] uint64_t pending_data() const noexcept { return state_ == state::data ? left_ : 0; }
  void skip(uint64_t n) noexcept;

private:
  enum class state : uint8_t { size, extension, size_lf, data, data_cr, data_lf, trailer, trailer_lf, done };
  // The implementation may add members.
  state state_ = state::size;
  uint64_t left_ = 0;
  size_t max_trailer_;
};

} // namespace proxy::http1
