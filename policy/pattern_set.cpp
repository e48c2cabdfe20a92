#include "policy/pattern_set.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>

#include "policy/ip_class.hpp"

namespace proxy::policy {

namespace {

using shape = domain_pattern::kind;

constexpr uint32_t none = UINT32_MAX;

/// FNV-1a from the last character to the first, so that one pass over a host gives the hash of every suffix.
/// Patterns come from the configuration, so the hash need not resist an attacker: hosts only look up.
constexpr uint64_t hash_start = 0xCBF29CE484222325;
constexpr uint64_t hash_step(uint64_t hash, char c) {
  return (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
}

uint64_t hash_of(std::string_view name) {
  auto hash = hash_start;
  for (size_t i = name.size(); i > 0; --i)
    hash = hash_step(hash, name[i - 1]);
  return hash;
}

/// One pattern about a name. A glob is filed under what stands behind its last label with a wildcard.
struct name_entry {
  uint32_t rule;
  uint32_t next = none; ///< The next entry of the same name, in the order of the rules.
  uint16_t port = 0;    ///< 0: every port.
  shape kind = shape::exact;
};

struct slot {
  uint32_t hash = 0;
  uint32_t name = 0; ///< Where the name starts in the arena.
  uint32_t first = none;
  uint32_t last = none;
  uint32_t length = 0;
};

/// One pattern about addresses.
struct address_entry {
  ip_network network;
  uint32_t rule;
  uint16_t port = 0; ///< 0: every port.
  bool is_literal = false;
  bool is_local = false; ///< Wholly inside non-public space.
  std::string scope;
};

/// The entries of one prefix length: a range of the sorted entries.
struct length_group {
  uint8_t bits;
  size_t begin;
  size_t end;
};

bool port_fits(uint16_t wanted, uint16_t port) {
  return wanted == 0 || wanted == port;
}

ip_address masked(const ip_address& address, uint8_t bits) {
  auto bytes = address.bytes();
  for (size_t bit = bits + (address.is_v4() ? 96U : 0U); bit < 128;) {
    if (bit % 8 == 0) {
      bytes[bit / 8] = 0;
      bit += 8;
    } else {
      bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & (0xFF00U >> bit % 8));
      bit += 8 - bit % 8;
    }
  }
  auto out = ip_address::v6(bytes);
  return address.is_v4() ? ip_address::v4(out.low32()) : out;
}

/// What stands behind the last label with a wildcard; "" when that is the last label.
std::string_view literal_tail(std::string_view glob) {
  auto dot = glob.find('.', glob.find_last_of("*?"));
  return dot == std::string_view::npos ? std::string_view{} : glob.substr(dot + 1);
}

} // namespace

struct pattern_set::index {
  std::string arena; ///< All names, one behind the other.
  std::vector<slot> slots;
  std::vector<name_entry> names;
  std::vector<std::string> globs; ///< By rule index order; sparse patterns, so looked up by `glob_of`.
  std::vector<uint32_t> glob_of;  ///< Entry -> its glob, `none` for other shapes.
  uint32_t loose = none;          ///< Chain of the globs without a literal tail.
  uint32_t loose_last = none;
  std::vector<address_entry> addresses; ///< Sorted by family, then prefix length (longest first), base, rule.
  std::vector<length_group> v4_lengths;
  std::vector<length_group> v6_lengths;

  void reserve(size_t patterns) {
    slots.resize(std::bit_ceil(patterns * 2 + 2));
    names.reserve(patterns);
    glob_of.reserve(patterns);
  }

  /// The slot that holds a name, or the free one where it belongs. The table is never more than half full.
  size_t place_of(std::string_view name, uint64_t hash) const {
    auto mask = slots.size() - 1;
    for (auto at = static_cast<size_t>(hash ^ hash >> 32) & mask;; at = (at + 1) & mask) {
      auto& s = slots[at];
      if (s.first == none
          || (s.hash == static_cast<uint32_t>(hash) && std::string_view{arena}.substr(s.name, s.length) == name))
        return at;
    }
  }

  void append(uint32_t& first, uint32_t& last, name_entry entry) {
    auto at = static_cast<uint32_t>(names.size());
    if (first == none)
      first = at;
    else
      names[last].next = at;
    last = at;
    names.push_back(entry);
  }

  void add_name(const domain_pattern& pattern, uint32_t rule) {
    name_entry entry{rule, none, pattern.port().value_or(0), pattern.shape()};
    bool is_glob = pattern.shape() == shape::glob;
    std::string_view name = is_glob ? literal_tail(pattern.name()) : std::string_view{pattern.name()};
    glob_of.push_back(is_glob ? static_cast<uint32_t>(globs.size()) : none);
    if (is_glob)
      globs.push_back(pattern.name());
    if (name.empty())
      return append(loose, loose_last, entry);
    auto hash = hash_of(name);
    auto& s = slots[place_of(name, hash)];
    if (s.first == none) {
      s.hash = static_cast<uint32_t>(hash);
      s.name = static_cast<uint32_t>(arena.size());
      s.length = static_cast<uint32_t>(name.size());
      arena += name;
    }
    append(s.first, s.last, entry);
  }

  void add_address(const domain_pattern& pattern, uint32_t rule) {
    addresses.push_back({*pattern.network(), rule, pattern.port().value_or(0), pattern.shape() == shape::address,
                         is_non_public(*pattern.network()), pattern.scope()});
  }

  void sort_addresses() {
    auto key = [](const address_entry& e) {
      return std::tuple{e.network.base.is_v4(), 128 - e.network.bits, e.network.base};
    };
    std::stable_sort(addresses.begin(), addresses.end(),
                     [&](const auto& a, const auto& b) { return key(a) < key(b); });
    for (size_t i = 0; i < addresses.size(); ++i) {
      auto& network = addresses[i].network;
      auto& lengths = network.base.is_v4() ? v4_lengths : v6_lengths;
      if (lengths.empty() || lengths.back().bits != network.bits)
        lengths.push_back({network.bits, i, i});
      lengths.back().end = i + 1;
    }
  }

  /// The first entry, longest prefix first, that holds an address and that `fits` accepts.
  template <class Fits>
  const address_entry* find_address(const ip_address& address, uint16_t port, Fits fits) const {
    for (auto& group : address.is_v4() ? v4_lengths : v6_lengths) {
      auto base = masked(address, group.bits);
      auto end = addresses.begin() + static_cast<std::ptrdiff_t>(group.end);
      auto at = std::lower_bound(addresses.begin() + static_cast<std::ptrdiff_t>(group.begin), end, base,
                                 [](const address_entry& e, const ip_address& b) { return e.network.base < b; });
      for (; at != end && at->network.base == base; ++at)
        if (port_fits(at->port, port) && fits(*at))
          return &*at;
    }
    return nullptr;
  }

  /// The best so far of one look-up by name: exact, then the longest suffix, then the first glob.
  struct best {
    uint32_t suffix = none;
    uint32_t glob = none;
  };

  void consider(uint32_t chain, bool whole, std::string_view host, uint16_t port, best& found) const {
    uint32_t exact = none, suffix = none;
    for (auto at = chain; at != none; at = names[at].next) {
      auto& e = names[at];
      if (!port_fits(e.port, port))
        continue;
      switch (e.kind) {
        case shape::exact:
          if (whole && exact == none)
            exact = e.rule;
          break;
        case shape::below:
          if (!whole && suffix == none)
            suffix = e.rule;
          break;
        case shape::apex_and_below:
          if (suffix == none)
            suffix = e.rule;
          break;
        case shape::glob:
          if (e.rule < found.glob && glob_matches(globs[glob_of[at]], host))
            found.glob = e.rule;
          break;
        default: break;
      }
    }
    if (auto rule = exact != none ? exact : suffix; rule != none)
      found.suffix = rule;
  }

  /// The rule that matches a name. Walks the labels from the right: the last suffix found is the longest.
  uint32_t find_name(std::string_view host, uint16_t port) const {
    best found;
    auto hash = hash_start;
    for (size_t i = host.size(); i > 0; --i) {
      hash = hash_step(hash, host[i - 1]);
      if (i > 1 && host[i - 2] != '.')
        continue;
      auto& s = slots[place_of(host.substr(i - 1), hash)];
      consider(s.first, i == 1, host, port, found);
    }
    consider(loose, false, host, port, found);
    return found.suffix != none ? found.suffix : found.glob;
  }

  /// The rule that names a host exactly.
  uint32_t find_exact(std::string_view host, uint16_t port) const {
    for (auto at = slots[place_of(host, hash_of(host))].first; at != none; at = names[at].next)
      if (names[at].kind == shape::exact && port_fits(names[at].port, port))
        return names[at].rule;
    return none;
  }
};

pattern_set::pattern_set() : index_(std::make_unique<index>()) {}

pattern_set::~pattern_set() = default;

std::shared_ptr<const pattern_set> pattern_set::compile(std::vector<rule> rules, std::vector<problem>& problems) {
  auto out = std::shared_ptr<pattern_set>(new pattern_set);
  auto before = problems.size();
  out->index_->reserve(rules.size());
  for (size_t i = 0; i < rules.size(); ++i) {
    auto pattern = domain_pattern::parse(rules[i].text);
    if (!pattern) {
      problems.push_back({rules[i], context_of(pattern.error())});
      continue;
    }
    auto number = static_cast<uint32_t>(i);
    if (pattern->network())
      out->index_->add_address(*pattern, number);
    else
      out->index_->add_name(*pattern, number);
  }
  if (problems.size() != before)
    return nullptr;
  out->index_->sort_addresses();
  out->has_networks_ = !out->index_->addresses.empty();
  out->rules_ = std::move(rules);
  return out;
}

const rule* pattern_set::match(const host& h, uint16_t port) const noexcept {
  if (h.ip()) {
    auto found = index_->find_address(
      *h.ip(), port, [&](const address_entry& e) { return e.scope.empty() || e.scope == h.scope(); });
    return found ? &rules_[found->rule] : nullptr;
  }
  auto found = index_->find_name(h.text(), port);
  return found != none ? &rules_[found] : nullptr;
}

const rule* pattern_set::match_address(const ip_address& address, uint16_t port) const noexcept {
  // A resolved address has no zone, so a pattern with one is about something else.
  auto found = index_->find_address(address, port, [](const address_entry& e) { return e.scope.empty(); });
  return found ? &rules_[found->rule] : nullptr;
}

const rule* pattern_set::match_explicit(const host& h, uint16_t port) const noexcept {
  if (h.ip()) {
    auto found = index_->find_address(*h.ip(), port, [&](const address_entry& e) {
      return (e.is_literal || e.is_local) && (e.scope.empty() || e.scope == h.scope());
    });
    return found ? &rules_[found->rule] : nullptr;
  }
  auto found = index_->find_exact(h.text(), port);
  if (found == none && h.is_localhost())
    found = index_->find_exact("localhost", port);
  return found != none ? &rules_[found] : nullptr;
}

const rule* pattern_set::match_literal(const ip_address& address, uint16_t port) const noexcept {
  auto found = index_->find_address(address, port, [](const address_entry& e) { return e.is_literal && e.scope.empty(); });
  return found ? &rules_[found->rule] : nullptr;
}

} // namespace proxy::policy
