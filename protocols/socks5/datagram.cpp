#include "protocols/socks5/datagram.hpp"

#include <algorithm>
#include <cassert>

#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

namespace {

/// Writes RSV and FRAG. @returns where the address goes.
std::span<char, max_address_bytes> begin_header(std::span<char, max_datagram_header> out) noexcept {
  std::ranges::fill(out.first<datagram_fixed_bytes>(), '\0');
  return out.subspan<datagram_fixed_bytes>();
}

} // namespace

std::optional<datagram> decode_datagram(std::string_view in) noexcept {
  if (in.size() < datagram_fixed_bytes || read_uint16(in, 0) != 0)
    return std::nullopt;
  auto rest = in.substr(datagram_fixed_bytes);
  auto size = address_size(rest);
  if (size == 0)
    return std::nullopt;
  return datagram{byte_at(in, 2), rest.substr(0, size), rest.substr(size)};
}

caf::expected<endpoint> read_address(std::string_view address) {
  auto read = decode_address(address);
  if (!read)
    return std::move(read.error());
  if (!*read || (*read)->size != address.size())
    return malformed("address field of the wrong size");
  return std::move((*read)->value);
}

size_t write_datagram_header(std::span<char, max_datagram_header> out, const ip_address& from,
                             uint16_t port) noexcept {
  return datagram_fixed_bytes + write_address(begin_header(out), from, port);
}

size_t write_datagram_header(std::span<char, max_datagram_header> out, const host& from,
                             uint16_t port) noexcept {
  return datagram_fixed_bytes + write_address(begin_header(out), from, port);
}

size_t write_datagram_header(std::span<char, max_datagram_header> out,
                             std::string_view address) noexcept {
  assert(address.size() <= max_address_bytes);
  std::ranges::copy(address, begin_header(out).begin());
  return datagram_fixed_bytes + address.size();
}

} // namespace proxy::socks5
