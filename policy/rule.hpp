#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/mitm_hook.hpp"
#include "policy/placed_text.hpp"
#include "policy/reason.hpp"

namespace proxy::policy {

/// Some ways of asking; none: any.
class protocol_set {
public:
  constexpr protocol_set() = default;
  constexpr protocol_set(std::initializer_list<protocol> all) {
    for (auto p : all)
      bits_ |= bit(p);
  }
  /// Any, or this one.
  [[nodiscard]] constexpr bool fits(protocol p) const noexcept {
    return bits_ == 0 || (bits_ & bit(p)) != 0;
  }
  /// This one, by name.
  [[nodiscard]] constexpr bool names(protocol p) const noexcept { return (bits_ & bit(p)) != 0; }
  /// Requests are among them, by name or as any.
  [[nodiscard]] constexpr bool fits_requests() const noexcept {
    return fits(protocol::http) || fits(protocol::https);
  }

private:
  static constexpr uint8_t bit(protocol p) noexcept {
    return static_cast<uint8_t>(1U << static_cast<unsigned>(p));
  }
  uint8_t bits_ = 0;
};

/// What carries requests that have to be read to be told.
[[nodiscard]] constexpr bool is_tunnel(protocol p) noexcept {
  return p == protocol::https_connect || p == protocol::socks5_tcp;
}

/// What a rule does with what fits it.
enum class action : uint8_t {
  deny,   ///< Refuses it: `denied`.
  allow,  ///< Lets it through, unless something else refuses it.
  ask,    ///< Leaves it to somebody's word where nothing allows it.
  inject, ///< A hook: lets it through and changes its head; what fits none of its host is refused.
  limit,  ///< A mode: what does not fit is refused.
};

/// One line of the policy. All that is given has to fit; what is empty fits everything.
struct rule {
  std::string id;      ///< Its name: "allowed_domains", "read our repos".
  placed_text where{}; ///< Where it stands. No text: its patterns are what is named.
  action act = action::deny;
  std::vector<std::string> who{};   ///< Clients.
  std::vector<placed_text> hosts{}; ///< Patterns; "*" for every host, not to allow.
  std::vector<uint16_t> ports{};    ///< Beside those of the patterns.
  protocol_set protocols{};
  std::shared_ptr<const request_limits> request{};              ///< nullptr: none.
  std::optional<std::chrono::system_clock::time_point> until{}; ///< From then on it is no rule.
  std::shared_ptr<const mitm_hook> hook{};                      ///< Of `inject`: what it does.

  /// Whether it looks at what is asked for this way: at requests, and so at what comes through
  /// tunnels that it does not speak of as such, which are read for it.
  [[nodiscard]] bool looks_at_requests(protocol asked_by) const noexcept {
    if (is_tunnel(asked_by))
      return protocols.fits_requests() && (request || !protocols.fits(asked_by));
    return asked_by != protocol::socks5_udp && request && protocols.fits(asked_by);
  }
};

/// The lists, hooks and mode of a configuration, which come to rules.
struct plain_lists {
  std::vector<placed_text> allowed{};
  std::vector<placed_text> denied{};
  std::vector<mitm_hook> hooks{};
  policy::mode mode = policy::mode::full;
};

/// What they come to, in the order of judgement: denied, allowed, hooks, mode.
[[nodiscard]] std::vector<rule> rules_from(plain_lists lists);

} // namespace proxy::policy
