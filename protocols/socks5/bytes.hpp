#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy::socks5 {

/// What the codecs of this folder share. Offsets are the caller's to check.
inline constexpr uint8_t version = 5;

[[nodiscard]] inline uint8_t byte_at(std::string_view in, size_t at) noexcept {
  return static_cast<uint8_t>(in[at]);
}

/// Two bytes in network order.
[[nodiscard]] inline uint16_t read_uint16(std::string_view in, size_t at) noexcept {
  return static_cast<uint16_t>(byte_at(in, at) << 8 | byte_at(in, at + 1));
}

[[nodiscard]] inline caf::error malformed(std::string_view what) {
  return caf::make_error(errc::malformed, "socks5 " + std::string{what});
}

} // namespace proxy::socks5
