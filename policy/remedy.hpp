#pragma once

#include <string>
#include <vector>

#include "policy/near_name.hpp"
#include "policy/rules.hpp"
#include "policy/text_places.hpp"

/// What somebody who is refused can do about it: the line to add and the file it belongs in, a name
/// that was perhaps meant, or whom to ask. Never how to get round the policy.

namespace proxy::policy {

/// A configuration's text, ready to be asked for remedies. Immutable; shared between threads.
class remedies {
public:
  remedies(text_places places, const std::vector<placed_text>& allowed);

  [[nodiscard]] const text_places& places() const noexcept { return places_; }
  [[nodiscard]] const near_names& listed() const noexcept { return listed_; }
  /// Whether a user could list a host at all.
  [[nodiscard]] bool may_list(const host& name, uint16_t port) const noexcept;
  /// Whether a host stays denied whatever a user's lists say.
  /// @param decided_by  The rule that denied it, perhaps because of an address.
  [[nodiscard]] bool must_deny(const host& name, uint16_t port,
                               const placed_text& decided_by) const noexcept;

private:
  text_places places_;
  near_names listed_;
  pattern_set_ptr ceiling_;
  pattern_set_ptr demanded_; ///< nullptr: nothing is.
};

/// How much of a file's path a remedy shows.
enum class path_style : uint8_t {
  whole,
  name, ///< For clients of other machines.
};

/// The remedy for a refusal: one line, never empty.
/// @param in_force  The rules that refused it.
[[nodiscard]] std::string remedy_for(const rules& in_force, const denial& why, const target& what,
                                     path_style paths = path_style::whole);

} // namespace proxy::policy
