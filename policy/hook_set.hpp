#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/mitm_hook.hpp"

namespace proxy::policy {

/// What the hooks of a host say to a request.
struct hook_match {
  enum class kind : uint8_t {
    not_hooked, ///< The host has no hooks: they do not care.
    none,       ///< It has some and none admits the request, which is refused.
    matched,
  };
  kind outcome = kind::not_hooked;
  size_t index =
    0; ///< Of the hook in the configured list: the one that matched, or the host's first.
  const mitm_hook* hook = nullptr; ///< The same; nullptr when not hooked. Lives as long as the set.
};

/// All hooks, found by their host: a look-up costs one hash of the name, however many there are.
/// Immutable; shared between threads by pointer.
class hook_set {
public:
  /// Where a hook injects one header more than once, the last one counts.
  [[nodiscard]] static std::shared_ptr<const hook_set> make(std::vector<mitm_hook> hooks);

  /// Whether a host has hooks, which then decide over all its requests, whatever the port.
  [[nodiscard]] bool has_hooks(const host& h) const noexcept { return find(h) != nullptr; }

  /// The hooks of a host, by their numbers in `hooks`: for whoever asks more than once.
  using numbers = std::vector<uint32_t>;
  /// @returns nullptr when it has none. Lives as long as the set. Allocates nothing.
  [[nodiscard]] const numbers* find(const host& h) const noexcept;

  /// The first hook of the host, in configured order, that admits the request. Allocates nothing.
  [[nodiscard]] hook_match match(const host& h, const judged_request& request) const noexcept;
  /// @param of_host  What `find` has found.
  [[nodiscard]] hook_match match(const numbers& of_host,
                                 const judged_request& request) const noexcept;

  /// In configured order.
  [[nodiscard]] const std::vector<mitm_hook>& hooks() const noexcept { return hooks_; }

private:
  explicit hook_set(std::vector<mitm_hook> hooks);

  std::vector<mitm_hook> hooks_;
  std::unordered_map<std::string, numbers> by_name_;
  /// All forms that carry one v4 address lead to it.
  std::map<ip_address, numbers> by_address_;
};

/// Whether the hooks of one host are those of the other: equal, or literals that carry one v4
/// address.
[[nodiscard]] bool leads_to_same(const host& a, const host& b);

using hook_set_ptr = std::shared_ptr<const hook_set>;

} // namespace proxy::policy
