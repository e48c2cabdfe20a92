#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocols/ip_address.hpp"

namespace proxy::policy {

/// What IANA's special-purpose registries (RFC 6890, multicast) say of an address.
enum class ip_class : uint8_t {
  global,
  unspecified,
  loopback,
  private_use,
  shared,
  link_local,
  metadata,
  multicast,
  broadcast,
  documentation,
  benchmarking,
  reserved,
  unique_local,
  site_local,
  translation,
};
[[nodiscard]] std::string_view to_string(ip_class c) noexcept;

/// The class of the address, looking through every form that carries a v4 address (mapped,
/// compatible, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, 6to4, Teredo, ISATAP): non-global if either
/// is.
[[nodiscard]] ip_class classify(const ip_address& address) noexcept;

/// `classify(a) != global`.
[[nodiscard]] bool is_non_public(const ip_address& address) noexcept;

/// Cloud metadata services: 169.254.169.254, fd00:ec2::254 and the like, in every carrying form.
[[nodiscard]] bool is_metadata(const ip_address& address) noexcept;

/// The v4 address a v6 address carries, if it has such a form.
[[nodiscard]] std::optional<ip_address> embedded_v4(const ip_address& address) noexcept;

/// The v4 prefix that a v6 prefix carries: that of a literal (/128), of the mapped and compatible
/// forms, 64:ff9b::/96 and 6to4. nullopt when it is none, or so wide that it carries all of them.
[[nodiscard]] std::optional<ip_network> embedded_v4(const ip_network& network) noexcept;

/// Whether the whole prefix lies in non-public space (0.0.0.0/0 and 10.0.0.0/7 do not).
[[nodiscard]] bool is_non_public(const ip_network& network) noexcept;

/// The address with every bit from `bits` on cleared, counted in its own family: the base of its
/// prefix.
/// @pre bits is at most 32 for v4, 128 for v6.
[[nodiscard]] ip_address masked(const ip_address& address, unsigned bits) noexcept;

} // namespace proxy::policy
