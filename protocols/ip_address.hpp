#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proxy {

/// An IPv4 or IPv6 address. A v4 address is held in its mapped form (::ffff:a.b.c.d) beside a
/// flag, so that the *literal* `::ffff:127.0.0.1` stays distinguishable from `127.0.0.1`.
class ip_address {
public:
  ip_address() = default; ///< `::`

  [[nodiscard]] static ip_address v4(uint32_t host_order) noexcept;
  [[nodiscard]] static ip_address v6(const std::array<uint8_t, 16>& bytes) noexcept;

  /// Parses strict notation only: four decimal octets, or RFC 4291 §2.2 without scope or brackets.
  [[nodiscard]] static std::optional<ip_address> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const noexcept { return v4_; }
  [[nodiscard]] const std::array<uint8_t, 16>& bytes() const noexcept { return bytes_; }
  /// The last 32 bits in host order: the address itself when `is_v4()`.
  [[nodiscard]] uint32_t low32() const noexcept;

  /// Canonical text (RFC 5952), no brackets.
  [[nodiscard]] std::string str() const;

  friend auto operator<=>(const ip_address&, const ip_address&) = default;

private:
  std::array<uint8_t, 16> bytes_{};
  bool v4_ = false;
};

/// An address prefix, e.g. 10.0.0.0/8. Host bits are zero.
struct ip_network {
  ip_address base;
  uint8_t bits = 0; ///< 0–32 for v4, 0–128 for v6.

  /// Parses `address/bits`. `nullopt` on bad syntax *and* when host bits are set; see
  /// `has_host_bits`.
  [[nodiscard]] static std::optional<ip_network> parse(std::string_view text);

  /// Whether `text` is a well-formed prefix that `parse` refuses for its host bits alone,
  /// e.g. 10.0.0.1/8.
  [[nodiscard]] static bool has_host_bits(std::string_view text);

  /// True when `address` lies inside; families never match each other.
  [[nodiscard]] bool contains(const ip_address& address) const noexcept;
  [[nodiscard]] bool contains(const ip_network& inner) const noexcept;
  [[nodiscard]] std::string str() const;

  friend bool operator==(const ip_network&, const ip_network&) = default;
};

} // namespace proxy
