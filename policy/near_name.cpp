#include "policy/near_name.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "policy/domain_pattern.hpp"

namespace proxy::policy {

namespace {

/// Longer names are no slips of anybody's fingers, and comparing them costs.
constexpr size_t longest = 64;

/// Names that are compared letter by letter for one refusal.
constexpr int most_compared = 16;

uint64_t letters_of(std::string_view name) noexcept {
  uint64_t out = 0;
  for (auto c : name)
    out |= uint64_t{1} << (static_cast<unsigned char>(c) & 63);
  return out;
}

size_t labels_of(std::string_view name) noexcept {
  return static_cast<size_t>(std::ranges::count(name, '.')) + 1;
}

/// The ends of a name by how many labels they have, with the letters in them.
class endings {
public:
  struct end {
    std::string_view text;
    uint64_t letters = 0;
  };

  explicit endings(std::string_view name) {
    uint64_t letters = 0;
    for (auto at = name.size(); at-- > 0 && count_ + 1 < all_.size();) {
      if (name[at] == '.')
        all_[++count_] = {name.substr(at + 1), letters};
      letters |= letters_of(name.substr(at, 1));
      if (at == 0)
        all_[++count_] = {name, letters};
    }
  }

  /// @returns an empty one for more labels than are compared.
  [[nodiscard]] const end& of(size_t labels) const noexcept {
    return all_[labels <= count_ ? labels : 0];
  }

private:
  std::array<end, 12> all_{}; ///< The first stays empty.
  size_t count_ = 0;
};

/// How many slips still look like one: short names are all alike.
size_t tolerated(size_t size) noexcept { return size < 5 ? 0 : size < 9 ? 1 : 2; }

} // namespace

size_t slips_between(std::string_view a, std::string_view b, size_t most) {
  auto apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > most || a.size() > longest || b.size() > longest)
    return most + 1;
  using row = std::array<size_t, longest + 1>;
  row before_last{}, last{}, now{};
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    auto least = now[0];
    for (size_t j = 1; j <= b.size(); ++j) {
      auto same = a[i - 1] == b[j - 1];
      now[j] = std::min({last[j - 1] + (same ? 0 : 1), last[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before_last[j - 2] + 1);
      least = std::min(least, now[j]);
    }
    if (least > most)
      return most + 1;
    before_last = last;
    last = now;
  }
  return std::min(last[b.size()], most + 1);
}

near_names::near_names(const std::vector<placed_text>& rules) {
  using shape = domain_pattern::kind;
  for (const auto& r : rules) {
    if (entries_.size() == most)
      return;
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern)
      continue;
    auto kind = pattern->shape();
    // Addresses and globs have no name that a slip could be compared with; one with a port may
    // still be asked for by another.
    if (kind == shape::network || kind == shape::glob)
      continue;
    if (kind == shape::address && !pattern->port())
      continue;
    entries_.push_back(
      {.name = pattern->name(),
       .letters = letters_of(pattern->name()),
       .rule = static_cast<uint32_t>(rules_.size()),
       .port = pattern->port().value_or(0),
       .labels = static_cast<uint8_t>(std::min<size_t>(labels_of(pattern->name()), 255)),
       .itself = kind != shape::below,
       .below = kind == shape::below || kind == shape::apex_and_below});
    rules_.push_back(r);
  }
}

near_name near_names::find(const host& asked, uint16_t port) const {
  std::string_view name = asked.text();
  auto letters = letters_of(name);
  auto labels = labels_of(name);
  endings ends{name};
  near_name best;
  auto best_slips = tolerated(name.size()) + 1;
  auto compared = 0;
  auto take = [&](near_name::kind how, const entry& e, std::string meant = {}) {
    best = {how, std::move(meant), rules_[e.rule]};
  };
  for (const auto& e : entries_) {
    if ((e.letters & ~letters) == 0 && e.name.size() <= name.size()) {
      auto same = e.name == name;
      auto inside = !same && is_below(name, e.name);
      if ((same && e.itself) || (inside && e.below)) { // all but the port fits
        take(near_name::kind::other_port, e);
        return best;
      }
      if (same && best.how != near_name::kind::only_below)
        take(near_name::kind::only_below, e);
      // Of `com` or `local` nobody meant what lies below.
      else if (inside && e.labels > 1 && best.how != near_name::kind::only_below)
        take(near_name::kind::only_itself, e);
      if (same || inside)
        continue;
    }
    if (asked.ip() || best.how == near_name::kind::only_below ||
        best.how == near_name::kind::only_itself || (e.port != 0 && e.port != port))
      continue;
    // What a pattern covers has its name, or its name at the end.
    auto whole = e.itself && labels == e.labels;
    if (!whole && !(e.below && labels > e.labels))
      continue;
    const auto& [part, part_letters] = ends.of(e.labels);
    if (part.empty())
      continue;
    auto limit = std::min(tolerated(e.name.size()), best_slips - 1);
    auto differ = static_cast<size_t>(std::popcount(e.letters ^ part_letters));
    if (limit == 0 || differ > 2 * limit || ++compared > most_compared)
      continue;
    auto slips = slips_between(part, e.name, limit);
    if (slips > limit)
      continue;
    best_slips = slips;
    take(near_name::kind::typo, e, std::string{name.substr(0, name.size() - part.size())} + e.name);
  }
  return best;
}

} // namespace proxy::policy
