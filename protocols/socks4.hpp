#pragma once

#include <string_view>

/// SOCKS4 and SOCKS4a: not spoken, but answered in their own words.
namespace proxy::socks4 {

/// Whether a client's first bytes begin a SOCKS4 request: VN(1) of 4.
[[nodiscard]] constexpr bool is_request(std::string_view first) noexcept {
  return !first.empty() && first[0] == '\x04';
}

/// "Request rejected or failed": VN(1) CD(1) DSTPORT(2) DSTIP(4), the last two without meaning.
inline constexpr std::string_view rejection{"\x00\x5b\x00\x00\x00\x00\x00\x00", 8};

} // namespace proxy::socks4
