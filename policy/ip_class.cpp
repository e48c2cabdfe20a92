#include "policy/ip_class.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace proxy::policy {

namespace {

/// An address as two words in host order: prefixes are compared with a shift and a xor.
struct words {
  uint64_t high = 0;
  uint64_t low = 0;
};

/// A prefix of one of the registries. v4 prefixes fill the topmost 32 bits of `high`.
struct block {
  words base;
  unsigned bits;
  ip_class kind;
};

constexpr block v4_block(uint32_t base, unsigned bits, ip_class kind) {
  return {{uint64_t{base} << 32, 0}, bits, kind};
}

constexpr block v6_block(uint64_t high, unsigned bits, ip_class kind) {
  return {{high, 0}, bits, kind};
}

// IANA IPv4 special-purpose registry and multicast. A more specific block wins over the one around
// it. 192.88.99.0/24 (6to4 relays) is deprecated and not marked globally reachable.
constexpr block v4_blocks[] = {
  v4_block(0x00000000, 0, ip_class::global),
  v4_block(0x00000000, 8, ip_class::unspecified),
  v4_block(0x0A000000, 8, ip_class::private_use),
  v4_block(0x64400000, 10, ip_class::shared),
  v4_block(0x7F000000, 8, ip_class::loopback),
  v4_block(0xA9FE0000, 16, ip_class::link_local),
  v4_block(0xAC100000, 12, ip_class::private_use),
  v4_block(0xC0000000, 24, ip_class::reserved),
  v4_block(0xC0000009, 32, ip_class::global), // Port Control Protocol anycast
  v4_block(0xC000000A, 32, ip_class::global), // TURN anycast
  v4_block(0xC0000200, 24, ip_class::documentation),
  v4_block(0xC0586300, 24, ip_class::reserved),
  v4_block(0xC0A80000, 16, ip_class::private_use),
  v4_block(0xC6120000, 15, ip_class::benchmarking),
  v4_block(0xC6336400, 24, ip_class::documentation),
  v4_block(0xCB007100, 24, ip_class::documentation),
  v4_block(0xE0000000, 4, ip_class::multicast),
  v4_block(0xF0000000, 4, ip_class::reserved),
  v4_block(0xFFFFFFFF, 32, ip_class::broadcast),
};

// IANA IPv6 special-purpose registry, multicast and site-local. Only 2000::/3 is allocated as
// global unicast, so what lies outside it is reserved. The forms that carry a v4 address and are
// not themselves marked as unreachable (mapped, compatible, 64:ff9b::/96) count as global here: the
// v4 address decides.
constexpr block v6_blocks[] = {
  v6_block(0, 0, ip_class::reserved),
  v6_block(0x2000'0000'0000'0000, 3, ip_class::global),
  v6_block(0, 96, ip_class::global), // ::a.b.c.d
  {{0, 0}, 128, ip_class::unspecified},
  {{0, 1}, 128, ip_class::loopback},
  {{0, 0x0000'FFFF'0000'0000}, 96, ip_class::global},
  v6_block(0x0064'FF9B'0000'0000, 96, ip_class::global),
  v6_block(0x0064'FF9B'0001'0000, 48, ip_class::translation),
  v6_block(0x2001'0000'0000'0000, 23, ip_class::reserved),
  v6_block(0x2001'0000'0000'0000, 32, ip_class::translation), // Teredo
  {{0x2001'0001'0000'0000, 1}, 128, ip_class::global},        // Port Control Protocol anycast
  {{0x2001'0001'0000'0000, 2}, 128, ip_class::global},        // TURN anycast
  {{0x2001'0001'0000'0000, 3}, 128, ip_class::global},        // DNS-SD SRP anycast
  v6_block(0x2001'0002'0000'0000, 48, ip_class::benchmarking),
  v6_block(0x2001'0003'0000'0000, 32, ip_class::global), // AMT
  v6_block(0x2001'0004'0112'0000, 48, ip_class::global), // AS112
  v6_block(0x2001'0020'0000'0000, 28, ip_class::global), // ORCHIDv2
  v6_block(0x2001'0030'0000'0000, 28, ip_class::global), // drone remote identification
  v6_block(0x2001'0DB8'0000'0000, 32, ip_class::documentation),
  v6_block(0x2002'0000'0000'0000, 16, ip_class::translation), // 6to4
  v6_block(0x3FFF'0000'0000'0000, 20, ip_class::documentation),
  v6_block(0xFC00'0000'0000'0000, 7, ip_class::unique_local),
  v6_block(0xFE80'0000'0000'0000, 10, ip_class::link_local),
  v6_block(0xFEC0'0000'0000'0000, 10, ip_class::site_local),
  v6_block(0xFF00'0000'0000'0000, 8, ip_class::multicast),
};

constexpr uint32_t metadata_v4[] = {
  0xA9FEA9FE, // 169.254.169.254: AWS, Google, Azure, Oracle, DigitalOcean, …
  0xA9FEAA02, // 169.254.170.2: AWS container credentials
  0xA9FEAA17, // 169.254.170.23: AWS pod identity
  0xA9FE0017, // 169.254.0.23: Tencent
  0xA9FE2A2A, // 169.254.42.42: Scaleway
  0x646464C8, // 100.100.100.200: Alibaba
  0xC00000C0, // 192.0.0.192: Oracle (classic)
  0xA83F8110, // 168.63.129.16: Azure platform, a public address that only answers inside
};

constexpr words metadata_v6[] = {
  {0xFD00'0EC2'0000'0000, 0x0254}, // AWS
  {0xFD00'0EC2'0000'0000, 0x0023}, // AWS pod identity
  {0xFD20'00CE'0000'0000, 0x0254}, // Google
  {0xFD00'0042'0000'0000, 0x0042}, // Scaleway
};

words words_of(const ip_address& address) {
  if (address.is_v4())
    return {uint64_t{address.low32()} << 32, 0};
  words out;
  for (size_t i = 0; i < 8; ++i) {
    out.high = out.high << 8 | address.bytes()[i];
    out.low = out.low << 8 | address.bytes()[i + 8];
  }
  return out;
}

/// Whether the first `bits` bits agree.
constexpr bool same_prefix(words a, words b, unsigned bits) {
  if (bits == 0)
    return true;
  if (bits <= 64)
    return (a.high ^ b.high) >> (64 - bits) == 0;
  return a.high == b.high && (bits == 128 ? a.low == b.low : (a.low ^ b.low) >> (128 - bits) == 0);
}

std::span<const block> blocks_of(bool v4) {
  return v4 ? std::span<const block>{v4_blocks} : std::span<const block>{v6_blocks};
}

/// The class of the most specific block around a prefix.
constexpr ip_class class_of(std::span<const block> blocks, words base, unsigned bits) {
  const block* best = &blocks.front();
  for (auto& candidate : blocks)
    if (candidate.bits <= bits && candidate.bits >= best->bits &&
        same_prefix(candidate.base, base, candidate.bits))
      best = &candidate;
  return best->kind;
}

/// The class of every v4 address that begins with an octet; nullopt where they differ.
constexpr auto classes_by_octet = [] {
  std::array<std::optional<ip_class>, 256> out;
  for (uint32_t octet = 0; octet < out.size(); ++octet) {
    words base{uint64_t{octet} << 56, 0};
    auto whole = true;
    for (const auto& b : v4_blocks)
      whole = whole && (b.bits <= 8 || !same_prefix(b.base, base, 8));
    if (whole)
      out[octet] = class_of(v4_blocks, base, 8);
  }
  return out;
}();

/// Asked for every request: most addresses are told by their first octet.
ip_class class_of_v4(uint32_t address) {
  if (auto kind = classes_by_octet[address >> 24])
    return *kind;
  return class_of(v4_blocks, {uint64_t{address} << 32, 0}, 32);
}

/// Whether nothing of a prefix is global: halves it for as long as a block lies inside, so the
/// depth is at most the address's width and only halves with a block in them are split.
bool all_non_public(std::span<const block> blocks, words base, unsigned bits) {
  auto lies_inside = [&](const block& b) {
    return b.bits > bits && same_prefix(b.base, base, bits);
  };
  if (std::none_of(blocks.begin(), blocks.end(), lies_inside))
    return class_of(blocks, base, bits) != ip_class::global;
  auto upper = base;
  (bits < 64 ? upper.high : upper.low) |= uint64_t{1} << (63 - bits % 64);
  return all_non_public(blocks, base, bits + 1) && all_non_public(blocks, upper, bits + 1);
}

bool is_metadata_itself(const ip_address& address) {
  if (address.is_v4())
    return std::find(std::begin(metadata_v4), std::end(metadata_v4), address.low32()) !=
           std::end(metadata_v4);
  auto w = words_of(address);
  return std::any_of(std::begin(metadata_v6), std::end(metadata_v6),
                     [w](words m) { return m.high == w.high && m.low == w.low; });
}

/// The prefixes below which the rest of a v6 prefix is a v4 prefix, beside the bits they take.
struct carrier {
  words base;
  unsigned bits;
};
constexpr carrier carriers[] = {
  {{0, 0x0000'FFFF'0000'0000}, 96},
  {{0, 0}, 96},
  {{0x0064'FF9B'0000'0000, 0}, 96},
};

} // namespace

std::string_view to_string(ip_class c) noexcept {
  switch (c) {
    case ip_class::global: return "global";
    case ip_class::unspecified: return "unspecified";
    case ip_class::loopback: return "loopback";
    case ip_class::private_use: return "private use";
    case ip_class::shared: return "shared (carrier NAT)";
    case ip_class::link_local: return "link-local";
    case ip_class::metadata: return "cloud metadata";
    case ip_class::multicast: return "multicast";
    case ip_class::broadcast: return "broadcast";
    case ip_class::documentation: return "documentation";
    case ip_class::benchmarking: return "benchmarking";
    case ip_class::reserved: return "reserved";
    case ip_class::unique_local: return "unique local";
    case ip_class::site_local: return "site-local";
    case ip_class::translation: return "translation";
  }
  return "unknown";
}

std::optional<ip_address> embedded_v4(const ip_address& address) noexcept {
  if (address.is_v4())
    return std::nullopt;
  auto w = words_of(address);
  auto low = static_cast<uint32_t>(w.low);
  for (auto& c : carriers)
    // `::` and `::1` are addresses of their own, not 0.0.0.0 and 0.0.0.1.
    if (same_prefix(w, c.base, c.bits) && (w.high != 0 || w.low > 1))
      return ip_address::v4(low);
  if (w.high == 0 && w.low >> 32 == 0xFFFF'0000) // ::ffff:0:a.b.c.d, RFC 2765
    return ip_address::v4(low);
  if (same_prefix(w, {0x0064'FF9B'0001'0000, 0}, 48)) {
    // RFC 6052 §2.2: below a /48 the v4 address stands around bits 64 to 71; operators also cut /96
    // out of it.
    if ((w.low & 0xFF'FFFF'FFFF) == 0 && w.low >> 56 == 0)
      return ip_address::v4(
        static_cast<uint32_t>((w.high & 0xFFFF) << 16 | (w.low >> 40 & 0xFFFF)));
    return ip_address::v4(low);
  }
  if (w.high >> 48 == 0x2002) // 6to4, RFC 3056 §2
    return ip_address::v4(static_cast<uint32_t>(w.high >> 16));
  if (w.high >> 32 == 0x2001'0000) // Teredo, RFC 4380 §4: the client's address with all bits turned
    return ip_address::v4(~low);
  if ((w.low >> 32 & ~uint64_t{0x0200'0000}) ==
      0x0000'5EFE) // ISATAP, RFC 5214 §6.1, either u/l bit
    return ip_address::v4(low);
  return std::nullopt;
}

std::optional<ip_network> embedded_v4(const ip_network& network) noexcept {
  if (network.base.is_v4())
    return std::nullopt;
  auto base = words_of(network.base);
  unsigned before = 128; // bits in front of the v4 address
  for (auto& c : carriers)
    if (same_prefix(base, c.base, c.bits))
      before = c.bits;
  if (base.high >> 48 == 0x2002)
    before = 16;
  if (network.bits != 128 && network.bits <= before)
    return std::nullopt;
  auto carried = embedded_v4(network.base);
  if (!carried) // `::` and `::1` of a compatible prefix
    return std::nullopt;
  auto bits = network.bits == 128 ? 32U : std::min(32U, network.bits - before);
  return ip_network{masked(*carried, bits), static_cast<uint8_t>(bits)};
}

bool is_metadata(const ip_address& address) noexcept {
  auto carried = embedded_v4(address);
  return is_metadata_itself(address) || (carried && is_metadata_itself(*carried));
}

ip_class classify(const ip_address& address) noexcept {
  if (is_metadata(address))
    return ip_class::metadata;
  if (address.is_v4())
    return class_of_v4(address.low32());
  if (auto carried = embedded_v4(address))
    if (auto inner = class_of_v4(carried->low32()); inner != ip_class::global)
      return inner;
  return class_of(v6_blocks, words_of(address), 128);
}

bool is_non_public(const ip_address& address) noexcept {
  return classify(address) != ip_class::global;
}

bool is_non_public(const ip_network& network) noexcept {
  auto base = words_of(network.base);
  if (!network.base.is_v4())
    for (auto& c : carriers)
      if (network.bits > c.bits && same_prefix(base, c.base, c.bits))
        return all_non_public(v4_blocks, {uint64_t{network.base.low32()} << 32, 0},
                              network.bits - c.bits) ||
               all_non_public(v6_blocks, base, network.bits);
  return all_non_public(blocks_of(network.base.is_v4()), base, network.bits);
}

ip_address masked(const ip_address& address, unsigned bits) noexcept {
  if (address.is_v4())
    return ip_address::v4(bits == 0 ? 0 : address.low32() & ~uint32_t{0} << (32 - bits));
  auto bytes = address.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto kept = bits > i * 8 ? std::min<size_t>(bits - i * 8, 8) : 0;
    bytes[i] = static_cast<uint8_t>(bytes[i] & 0xFF00U >> kept);
  }
  return ip_address::v6(bytes);
}

} // namespace proxy::policy
