#include "protocols/ip_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <netinet/in.h>
#include <utility>

#include "protocols/ascii.hpp"

namespace proxy {

namespace {

constexpr size_t mapped_prefix_bits = 96;

std::optional<uint32_t> parse_v4(std::string_view text) noexcept {
  uint32_t address = 0;
  size_t at = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && (at == text.size() || text[at++] != '.'))
      return std::nullopt;
    auto first = at;
    unsigned value = 0;
    while (at < text.size() && at - first < 3 && ascii::is_digit(text[at]))
      value = value * 10 + ascii::digit_value(text[at++]);
    // A leading zero means octal to some readers: not strict notation.
    if (at == first || value > 255 || (text[first] == '0' && at - first > 1))
      return std::nullopt;
    address = address << 8 | value;
  }
  return at == text.size() ? std::optional{address} : std::nullopt;
}

std::optional<ip_address> parse_v6(std::string_view text) noexcept {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(terminated) || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  *std::ranges::copy(text, terminated).out = '\0';
  std::array<uint8_t, 16> bytes;
  if (inet_pton(AF_INET6, terminated, bytes.data()) != 1)
    return std::nullopt;
  return ip_address::v6(bytes);
}

char* append_v4(char* out, char* end, const uint8_t* octets) noexcept {
  for (int i = 0; i < 4; ++i) {
    if (i > 0)
      *out++ = '.';
    out = std::to_chars(out, end, octets[i]).ptr;
  }
  return out;
}

/// First and past-the-end index of the longest run of two or more zero groups (RFC 5952 §4.2).
std::pair<int, int> longest_zero_run(const std::array<uint16_t, 8>& groups) noexcept {
  std::pair best{8, 8};
  for (int i = 0; i < 8; ++i) {
    auto end = i;
    while (end < 8 && groups[static_cast<size_t>(end)] == 0)
      ++end;
    if (end - i > 1 && end - i > best.second - best.first)
      best = {i, end};
    i = std::max(i, end - 1);
  }
  return best;
}

/// `address` with every bit from `bits` on (counted in its own family) cleared.
ip_address masked(const ip_address& address, size_t bits) noexcept {
  auto bytes = address.bytes();
  auto kept = bits + (address.is_v4() ? mapped_prefix_bits : 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto left = kept > i * 8 ? std::min<size_t>(kept - i * 8, 8) : 0;
    bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00u >> left));
  }
  auto cleared = ip_address::v6(bytes);
  return address.is_v4() ? ip_address::v4(cleared.low32()) : cleared;
}

/// `address/bits` before the host bits are looked at.
std::optional<ip_network> parse_prefix(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos)
    return std::nullopt;
  auto base = ip_address::parse(text.substr(0, slash));
  auto length = text.substr(slash + 1);
  if (!base || length.empty() || length.size() > 3 ||
      !std::ranges::all_of(length, ascii::is_digit) || (length[0] == '0' && length.size() > 1))
    return std::nullopt;
  unsigned bits = 0;
  std::from_chars(length.data(), length.data() + length.size(), bits);
  if (bits > (base->is_v4() ? 32u : 128u))
    return std::nullopt;
  return ip_network{*base, static_cast<uint8_t>(bits)};
}

} // namespace

ip_address ip_address::v4(uint32_t host_order) noexcept {
  ip_address result;
  result.v4_ = true;
  result.bytes_ = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  for (size_t i = 0; i < 4; ++i)
    result.bytes_[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  return result;
}

ip_address ip_address::v6(const std::array<uint8_t, 16>& bytes) noexcept {
  ip_address result;
  result.bytes_ = bytes;
  return result;
}

std::optional<ip_address> ip_address::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos)
    return parse_v6(text);
  auto address = parse_v4(text);
  return address ? std::optional{v4(*address)} : std::nullopt;
}

uint32_t ip_address::low32() const noexcept {
  return uint32_t{bytes_[12]} << 24 | uint32_t{bytes_[13]} << 16 | uint32_t{bytes_[14]} << 8 |
         bytes_[15];
}

std::string ip_address::str() const {
  char text[INET6_ADDRSTRLEN];
  auto end = std::end(text);
  if (v4_)
    return {text, append_v4(text, end, bytes_.data() + 12)};
  std::array<uint16_t, 8> groups;
  for (size_t i = 0; i < 8; ++i)
    groups[i] = static_cast<uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  auto [zeros, after_zeros] = longest_zero_run(groups);
  // Dotted only where the prefix says that a v4 address follows (RFC 5952 §5).
  bool mapped = zeros == 0 && after_zeros == 5 && groups[5] == 0xffff;
  auto out = text;
  for (int i = 0; i < 8; ++i) {
    if (i == zeros) {
      *out++ = ':';
      *out++ = ':';
      i = after_zeros - 1;
      continue;
    }
    if (i > 0 && i != after_zeros)
      *out++ = ':';
    if (mapped && i == 6)
      return {text, append_v4(out, end, bytes_.data() + 12)};
    out = std::to_chars(out, end, groups[static_cast<size_t>(i)], 16).ptr;
  }
  return {text, out};
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
  auto prefix = parse_prefix(text);
  return prefix && masked(prefix->base, prefix->bits) == prefix->base ? prefix : std::nullopt;
}

bool ip_network::has_host_bits(std::string_view text) {
  auto prefix = parse_prefix(text);
  return prefix && masked(prefix->base, prefix->bits) != prefix->base;
}

bool ip_network::contains(const ip_address& address) const noexcept {
  return address.is_v4() == base.is_v4() && masked(address, bits) == base;
}

bool ip_network::contains(const ip_network& inner) const noexcept {
  return inner.bits >= bits && contains(inner.base);
}

std::string ip_network::str() const { return base.str() + '/' + std::to_string(bits); }

} // namespace proxy
