#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/http1/chunked.hpp"
#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// Finds where a body ends in the bytes that come, however it is framed (RFC 9112 §6). Pure:
/// whoever reads the bytes hands them in.
class body_cursor {
public:
  /// @param length  Of `framing::length`, in bytes.
  /// @pre `how` is not `framing::until_close`: such a body ends with its connection.
  body_cursor(framing how, uint64_t length) noexcept
    : chunked_(how == framing::chunked), left_(how == framing::length ? length : 0) {}

  /// All of it has been taken.
  [[nodiscard]] bool done() const noexcept { return chunked_ ? chunks_.done() : left_ == 0; }
  /// Bytes taken so far, with their framing.
  [[nodiscard]] uint64_t taken() const noexcept { return taken_; }

  /// Takes what belongs to the body from the front of `in`.
  /// @param data  When given, what it holds without its framing is appended.
  /// @returns how many bytes belong to it, or errc::malformed as `chunked_decoder::consume`.
  [[nodiscard]] caf::expected<size_t> take(std::string_view in, std::string* data = nullptr);

private:
  bool chunked_;
  uint64_t left_; ///< Of a body with a length.
  uint64_t taken_ = 0;
  chunked_decoder chunks_;
};

} // namespace proxy::http1
