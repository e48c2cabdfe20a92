#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocols/socks5/address.hpp"

namespace proxy::socks5 {

/// RSV and FRAG, in front of the address.
inline constexpr size_t datagram_fixed_bytes = 3;
/// Longest header of a datagram, in bytes.
inline constexpr size_t max_datagram_header = datagram_fixed_bytes + max_address_bytes;

/// A datagram from a client, taken apart without a look at its address. Views into the bytes it was
/// decoded from.
struct datagram {
  uint8_t frag = 0;         ///< 0 stands alone; others are fragments, to drop when not reassembled.
  std::string_view address; ///< ATYP to port: equal bytes mean equal targets, so it is a key.
  std::string_view data;    ///< May be empty.

  /// Where `data` starts in the datagram, in bytes.
  [[nodiscard]] size_t data_offset() const noexcept {
    return datagram_fixed_bytes + address.size();
  }

  friend bool operator==(const datagram&, const datagram&) = default;
};

/// Decodes RSV(2) FRAG(1), an address field and the data behind it, RFC 1928 §7. Does not allocate.
/// @param in  A whole datagram.
/// @returns nullopt when it is malformed: cut short, RSV not 0, ATYP unknown, or an empty name.
/// Such
///          a datagram is dropped in silence (RFC 1928 §7), so there is nothing to say about it.
[[nodiscard]] std::optional<datagram> decode_datagram(std::string_view in) noexcept;

/// Reads the address of a datagram. Once a target, where `datagram::address` is kept as a key.
/// @returns errc::malformed when a name is no host, or `address` is not one whole field.
[[nodiscard]] caf::expected<endpoint> read_address(std::string_view address);

/// Writes the header of a datagram to a client; the data goes behind it. Does not allocate.
/// @param from  Who sent the data.
/// @returns The size of the header in bytes: 10 for IPv4, 22 for IPv6, 7 and the name otherwise.
[[nodiscard]] size_t write_datagram_header(std::span<char, max_datagram_header> out,
                                           const ip_address& from, uint16_t port) noexcept;
[[nodiscard]] size_t write_datagram_header(std::span<char, max_datagram_header> out,
                                           const host& from, uint16_t port) noexcept;

/// The same with the address as a client spelled it.
/// @param address  The `address` of a datagram that decoded.
[[nodiscard]] size_t write_datagram_header(std::span<char, max_datagram_header> out,
                                           std::string_view address) noexcept;

} // namespace proxy::socks5
