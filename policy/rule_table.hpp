#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/hook_set.hpp"
#include "policy/pattern_set.hpp"
#include "policy/rule.hpp"

namespace proxy::policy {

/// What a look-up knows of what is asked. Views live as long as the call.
struct rule_facts {
  policy::protocol protocol = policy::protocol::http;
  std::string_view client{}; ///< "" for nobody.
  /// nullptr: unknown, as with a tunnel.
  const judged_request* request = nullptr;
  /// Not set: rules with an end have ended if they let through, and hold if they refuse.
  std::optional<std::chrono::system_clock::time_point> now{};
  bool read = false; ///< Of a tunnel: what goes through it is or will be read.
  /// What an unknown request asks for is judged elsewhere: later, of a tunnel; before, of what was
  /// granted. Else what speaks of requests lets nothing through that shows none.
  bool judged_elsewhere = false;
  size_t* visits = nullptr; ///< When given, counts the rules that were looked at.
};

/// A rule that fits.
struct rule_match {
  const rule* by = nullptr; ///< nullptr: none does. Lives as long as the table.
  /// What to name: the pattern of a list, the place of any other rule.
  const placed_text* place = nullptr;
  /// It lets a tunnel through to be read and no further.
  bool for_reading = false;
  explicit operator bool() const noexcept { return by != nullptr; }
};

/// All rules, found by their host: a look-up costs O(labels of the host), and then the few rules of
/// that host; not O(rules). Of several that do the same the most specific pattern is named, of one
/// pattern the first rule. Immutable after compile; shared between threads by pointer.
class rule_table {
public:
  /// A rule that does not compile.
  struct problem {
    std::string id; ///< Of the rule.
    placed_text where;
    std::string reason;
  };

  /// Compiles all rules, or returns nullptr and appends every problem.
  [[nodiscard]] static std::shared_ptr<const rule_table> compile(std::vector<rule> rules,
                                                                 std::vector<problem>& problems);

  /// The rule of `deny`, `allow` or `ask` that fits.
  [[nodiscard]] rule_match find(action act, const host& h, uint16_t port,
                                const rule_facts& facts) const noexcept;

  /// What denies a resolved address: patterns that are addresses or networks, also by the v4
  /// address that it carries.
  [[nodiscard]] rule_match find_denied_address(const ip_address& address, uint16_t port,
                                               const rule_facts& facts) const noexcept;

  /// What allows a local host by listing it explicitly (`pattern_set::match_explicit`), and only an
  /// exact literal.
  [[nodiscard]] rule_match find_explicit(const host& h, uint16_t port,
                                         const rule_facts& facts) const noexcept;
  [[nodiscard]] rule_match find_literal(const ip_address& address, uint16_t port,
                                        const rule_facts& facts) const noexcept;

  /// The first rule that looks at requests to a host (`rule::looks_at_requests`), whatever it does
  /// with what it sees.
  [[nodiscard]] rule_match find_reading(const host& h, uint16_t port,
                                        protocol asked_by) const noexcept;

  /// A rule that denies some requests to one host and does not speak of the other, which leads
  /// there.
  [[nodiscard]] rule_match find_evaded(const host& h, const host& asked_for, uint16_t port,
                                       const rule_facts& facts) const noexcept;

  /// nullptr: none. Its numbers are those of `rule::hook` in order.
  [[nodiscard]] const hook_set* hooks() const noexcept { return hooks_.get(); }
  /// The rule that everything has to fit; nullptr: none.
  [[nodiscard]] const rule* limit() const noexcept {
    return limit_ == none ? nullptr : &rules_[limit_];
  }
  /// Whether any rule does this.
  [[nodiscard]] bool has(action act) const noexcept { return has_[static_cast<size_t>(act)]; }
  /// Whether no rule asks for more than its host.
  [[nodiscard]] bool is_plain() const noexcept { return plain_; }
  /// Whether any rule or hook looks at requests.
  [[nodiscard]] bool looks_at_requests() const noexcept { return hooks_ || has_reading_; }
  /// Whether any rule ends, looks at the fields of requests, or has tunnels read.
  [[nodiscard]] bool has_ends() const noexcept { return has_ends_; }
  [[nodiscard]] bool looks_at_fields() const noexcept { return looks_at_fields_; }
  [[nodiscard]] bool has_reading() const noexcept { return has_reading_; }

  /// In order. Their hosts have moved to `patterns`.
  [[nodiscard]] const std::vector<rule>& rules() const noexcept { return rules_; }
  /// The patterns of all rules of `deny`, `allow` or `ask`, in order.
  [[nodiscard]] const std::vector<placed_text>& patterns(action act) const noexcept {
    return part_of(act).patterns->rules();
  }

private:
  static constexpr uint32_t none = UINT32_MAX;

  /// A rule for every host.
  struct anywhere_rule {
    uint32_t number;
    placed_text pattern; ///< "*"
  };
  /// The rules of one action, by their hosts.
  struct part {
    pattern_set_ptr patterns;     ///< Never null.
    std::vector<uint32_t> owners; ///< The rule of each pattern.
    std::vector<anywhere_rule> anywhere;
    bool plain = true; ///< No rule of it asks for more than its host.
    bool empty = true; ///< There is no pattern.
  };
  /// Which patterns count for a look-up.
  class fitting;
  enum class fit : uint8_t { no, for_reading, yes };

  rule_table() = default;
  [[nodiscard]] bool add_hosts(std::vector<problem>& problems);
  void add_hooks();
  void note_features();
  [[nodiscard]] const part& part_of(action act) const noexcept {
    return parts_[static_cast<size_t>(act)];
  }
  [[nodiscard]] rule_match match_of(uint32_t number, const placed_text& pattern) const noexcept;
  [[nodiscard]] rule_match match_of(const part& of, const placed_text* pattern) const noexcept;
  template <class LookUp>
  [[nodiscard]] rule_match search(action act, uint16_t port, const rule_facts& facts, bool anywhere,
                                  LookUp look_up) const noexcept;
  [[nodiscard]] static fit fits(const rule& r, uint16_t port, const rule_facts& facts) noexcept;
  [[nodiscard]] bool names(const part& of, uint32_t number, const host& h,
                           uint16_t port) const noexcept;

  std::vector<rule> rules_;
  std::array<part, 3> parts_; ///< deny, allow, ask
  hook_set_ptr hooks_;
  uint32_t limit_ = none;
  std::array<bool, 5> has_{};
  bool plain_ = true;
  bool has_ends_ = false;
  bool looks_at_fields_ = false;
  bool has_reading_ = false;
};

using rule_table_ptr = std::shared_ptr<const rule_table>;

} // namespace proxy::policy
