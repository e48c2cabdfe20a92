#include "protocols/socks5/address.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

#include "protocols/ascii.hpp"
#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

namespace {

constexpr uint8_t type_ipv4 = 1;
constexpr uint8_t type_name = 3;
constexpr uint8_t type_ipv6 = 4;

constexpr size_t ipv4_bytes = 4;
constexpr size_t ipv6_bytes = 16;
constexpr size_t port_bytes = 2;
/// ATYP, and the length of a name: the offset of what follows.
constexpr size_t behind_type = 1;
constexpr size_t behind_length = 2;

/// Where the port stands, once that can be told: 0 before.
size_t port_offset(std::string_view in) noexcept {
  switch (in.empty() ? 0 : byte_at(in, 0)) {
    case type_ipv4: return behind_type + ipv4_bytes;
    case type_ipv6: return behind_type + ipv6_bytes;
    case type_name: return in.size() > behind_type ? behind_length + byte_at(in, 1) : 0;
    default: return 0;
  }
}

/// The error that the first two bytes earn, if they do.
caf::error check_start(std::string_view in) {
  if (in.empty())
    return {};
  auto type = byte_at(in, 0);
  if (type != type_ipv4 && type != type_name && type != type_ipv6)
    return caf::make_error(errc::unsupported_address_type,
                           "socks5 address type " + std::to_string(type));
  if (type == type_name && in.size() > behind_type && byte_at(in, 1) == 0)
    return malformed("empty name");
  return {};
}

/// @param field  ATYP and ADDR.
caf::expected<host> read_host(std::string_view field) {
  if (byte_at(field, 0) == type_name) {
    auto name = field.substr(behind_length);
    if (ascii::trim(name).size() != name.size()) // `host::parse` would take it off
      return malformed("whitespace beside a name");
    return host::parse(name);
  }
  auto bytes = field.substr(behind_type);
  if (bytes.size() == ipv4_bytes)
    return host::from(
      ip_address::v4(uint32_t{read_uint16(bytes, 0)} << 16 | read_uint16(bytes, 2)));
  std::array<uint8_t, ipv6_bytes> all;
  std::ranges::transform(bytes, all.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return host::from(ip_address::v6(all));
}

/// Writes the port behind the `size` bytes that are there.
size_t finish(std::span<char, max_address_bytes> out, size_t size, uint16_t port) noexcept {
  out[size] = static_cast<char>(port >> 8);
  out[size + 1] = static_cast<char>(port & 0xff);
  return size + port_bytes;
}

} // namespace

decode_result<endpoint> decode_address(std::string_view in) {
  if (auto wrong = check_start(in))
    return wrong;
  auto at = port_offset(in);
  if (at == 0 || in.size() < at)
    return std::nullopt;
  auto to = read_host(in.substr(0, at));
  if (!to)
    return std::move(to.error());
  if (in.size() < at + port_bytes)
    return std::nullopt;
  return decoded<endpoint>{{std::move(*to), read_uint16(in, at)}, at + port_bytes};
}

size_t address_size(std::string_view in) noexcept {
  auto at = port_offset(in);
  // A name without bytes leaves the port where the name should be.
  return at <= behind_length || in.size() < at + port_bytes ? 0 : at + port_bytes;
}

size_t write_address(std::span<char, max_address_bytes> out, const ip_address& ip,
                     uint16_t port) noexcept {
  out[0] = static_cast<char>(ip.is_v4() ? type_ipv4 : type_ipv6);
  auto size = ip.is_v4() ? ipv4_bytes : ipv6_bytes;
  auto from = std::span{ip.bytes()}.last(size);
  std::ranges::transform(from, out.begin() + behind_type,
                         [](uint8_t b) { return static_cast<char>(b); });
  return finish(out, behind_type + size, port);
}

size_t write_address(std::span<char, max_address_bytes> out, const host& to,
                     uint16_t port) noexcept {
  if (to.ip())
    return write_address(out, *to.ip(), port);
  auto& name = to.text();
  assert(!name.empty() && name.size() <= 255);
  out[0] = static_cast<char>(type_name);
  out[1] = static_cast<char>(name.size());
  std::ranges::copy(name, out.begin() + behind_length);
  return finish(out, behind_length + name.size(), port);
}

} // namespace proxy::socks5
