#include "policy/name_index.hpp"

#include <bit>

#include "policy/pattern_set.hpp"

namespace proxy::policy {

namespace {

using shape = domain_pattern::kind;

/// FNV-1a from the last character to the first, so that one pass over a host gives the hash of
/// every suffix. It need not resist an attacker: names enter the table from the configuration
/// alone.
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

bool port_fits(uint16_t wanted, uint16_t port) { return wanted == 0 || wanted == port; }

/// What stands behind the last label with a wildcard; "" when that is the last label.
std::string_view literal_tail(std::string_view glob) {
  auto dot = glob.find('.', glob.find_last_of("*?"));
  return dot == std::string_view::npos ? std::string_view{} : glob.substr(dot + 1);
}

} // namespace

void name_index::reserve(size_t patterns) {
  // Never more than half full, so that a probe for an absent name soon meets a free slot.
  slots_.resize(std::bit_ceil(patterns * 2 + 2));
  entries_.reserve(patterns);
}

size_t name_index::place_of(std::string_view name, uint64_t hash) const noexcept {
  auto mask = slots_.size() - 1;
  for (auto at = static_cast<size_t>(hash ^ hash >> 32) & mask;; at = (at + 1) & mask) {
    auto& s = slots_[at];
    if (s.entries.first == none)
      return at;
    if (s.hash == static_cast<uint32_t>(hash) &&
        std::string_view{arena_}.substr(s.start, s.length) == name)
      return at;
  }
}

void name_index::append(chain& to, const entry& e) {
  auto at = static_cast<uint32_t>(entries_.size());
  if (to.first == none)
    to.first = at;
  else
    entries_[to.last].next = at;
  to.last = at;
  entries_.push_back(e);
}

void name_index::add(const domain_pattern& pattern, uint32_t rule) {
  entry e{rule, none, none, pattern.port().value_or(0), pattern.shape()};
  std::string_view name = pattern.name();
  if (pattern.shape() == shape::glob) {
    e.glob = static_cast<uint32_t>(globs_.size());
    globs_.push_back(pattern.name());
    name = literal_tail(name);
    if (name.empty())
      return append(loose_, e);
  }
  auto hash = hash_of(name);
  auto& s = slots_[place_of(name, hash)];
  if (s.entries.first == none) {
    s.hash = static_cast<uint32_t>(hash);
    s.start = static_cast<uint32_t>(arena_.size());
    s.length = static_cast<uint32_t>(name.size());
    arena_ += name;
  }
  append(s.entries, e);
}

/// Looks through the entries of one suffix of the host. `whole`: the suffix is the host itself.
void name_index::consider(const chain& entries, bool whole, std::string_view host, uint16_t port,
                          const pattern_filter* only, best& found) const noexcept {
  uint32_t exact = none;
  uint32_t suffix = none;
  auto counts = [&](uint32_t rule) { return !only || only->counts(rule); };
  for (auto at = entries.first; at != none; at = entries_[at].next) {
    auto& e = entries_[at];
    if (!port_fits(e.port, port))
      continue;
    if (e.shape == shape::exact) {
      if (whole && exact == none && counts(e.rule))
        exact = e.rule;
    } else if (e.shape == shape::glob) {
      if (e.rule < found.glob && glob_matches(globs_[e.glob], host) && counts(e.rule))
        found.glob = e.rule;
    } else if (suffix == none && (!whole || e.shape == shape::apex_and_below) && counts(e.rule)) {
      suffix = e.rule;
    }
  }
  // Suffixes come shortest first, so what is found later is more specific.
  if (auto rule = exact != none ? exact : suffix; rule != none)
    found.named = rule;
}

uint32_t name_index::find(std::string_view host, uint16_t port,
                          const pattern_filter* only) const noexcept {
  best found;
  auto hash = hash_start;
  for (size_t i = host.size(); i > 0; --i) {
    hash = hash_step(hash, host[i - 1]);
    if (i > 1 && host[i - 2] != '.')
      continue;
    auto& s = slots_[place_of(host.substr(i - 1), hash)];
    consider(s.entries, i == 1, host, port, only, found);
  }
  consider(loose_, false, host, port, only, found);
  return found.named != none ? found.named : found.glob;
}

uint32_t name_index::find_exact(std::string_view host, uint16_t port,
                                const pattern_filter* only) const noexcept {
  auto& s = slots_[place_of(host, hash_of(host))];
  for (auto at = s.entries.first; at != none; at = entries_[at].next)
    if (entries_[at].shape == shape::exact && port_fits(entries_[at].port, port) &&
        (!only || only->counts(entries_[at].rule)))
      return entries_[at].rule;
  return none;
}

} // namespace proxy::policy
