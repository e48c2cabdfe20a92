#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "policy/reason.hpp"
#include "policy/rule_table.hpp"
#include "protocols/host.hpp"

namespace proxy::policy {

/// An address and port, e.g. one of the proxy's own listeners. A wildcard bind (0.0.0.0, ::) means
/// every address of this machine: `local_addresses` in `rules` lists them.
struct socket_address {
  ip_address ip;
  uint16_t port = 0;
  friend bool operator==(const socket_address&, const socket_address&) = default;
};

/// What is said of unix sockets.
struct socket_rules {
  std::vector<std::string> allowed; ///< Absolute paths.
  std::vector<std::string> denied;  ///< The same; what is no path denies nothing.
  bool all = false;                 ///< Every one but those denied.
};

class remedies;

/// The policy in force: values only, immutable once published, shared by pointer.
struct rules {
  uint64_t generation = 0;
  bool enabled = false;
  policy::mode mode = policy::mode::full; ///< By name; what it says is in `table`.
  bool allow_local_binding = false;
  bool socks5 = true;         ///< SOCKS5 is offered,
  bool socks5_udp = true;     ///< and with it UDP.
  bool asks_unlisted = false; ///< Somebody decides over what no rule allows: else it is refused.
  bool mitm = false;          ///< Interception is available.
  bool inspect = false;       ///< Intercept every tunnel, where it is available.
  rule_table_ptr table;       ///< Lists, rules, hooks and mode. Never null.
  socket_rules sockets;
  std::vector<socket_address> own_listeners;
  std::vector<ip_address>
    local_addresses; ///< This machine's interface addresses, for own_listeners on a wildcard.
  std::shared_ptr<const remedies> origin; ///< The text it comes from; null where nobody knows.
};
using rules_ptr = std::shared_ptr<const rules>;

/// Rules that refuse everything (`proxy_disabled`): what holds before the first snapshot.
[[nodiscard]] rules_ptr deny_all();

/// What a client asks for. Views live as long as the request.
struct target {
  policy::protocol protocol = policy::protocol::http;
  proxy::host host;
  uint16_t port = 0;
  std::string method;     ///< Upper case as received; "" for SOCKS.
  bool upgrade = false;   ///< The request asks for a protocol upgrade.
  bool in_tunnel = false; ///< A request inside a tunnel that is read.
  /// A unix socket is asked for, under this name; `host` then only says so.
  std::shared_ptr<const std::string> unix_socket{};
  /// The proxy makes the TLS connection itself.
  [[nodiscard]] bool tls() const noexcept { return protocol == policy::protocol::https; }
};

/// One step of an evaluation, for `explain`.
struct step {
  std::string_view name; ///< "host", "enabled", "denied_domains", "own_listeners", "local",
                         ///< "allowed_domains", "hooks", "method", …
  std::string outcome;   ///< A few words: "no match", "matches *.example.com (config.toml:12)".
};
using trace = std::vector<step>;

/// A refusal, with what decided it.
struct denial {
  policy::reason reason = policy::reason::not_allowed;
  policy::source source = policy::source::baseline_policy;
  policy::decision decision = policy::decision::deny;
  const policy::placed_text* rule = nullptr; ///< Points into the rules the evaluation was given.
  std::string words{};                       ///< A decider's own reason; else "".
  bool domain_scope = true; ///< Audit scope: domain, or non_domain (mode guard, proxy state).
  /// The rule by which the host passed, before the mode refused the request: a decision of its own
  /// in the audit trail. nullptr: there is this one alone.
  const policy::placed_text* passed = nullptr;
  std::optional<ip_address> address{}; ///< The one that was refused, where a name led to it.
  bool for_hooks = false;              ///< Of mitm_required: hooks have to see the requests.
};

/// The reason as clients and audit see it: a decider's words, else the name of the reason.
[[nodiscard]] std::string_view reason_text(const denial& d) noexcept;

/// What a refusal says to people.
[[nodiscard]] std::string_view refusal_text(const denial& d, const target& what) noexcept;

namespace judging {
class grants;
}

/// Proof that the policy allowed a target by name, and for requests that are read by what they ask
/// for. Only `decide` makes one. Its pointers lead into the rules that it was granted under.
class permit {
public:
  [[nodiscard]] const target& to() const noexcept { return to_; }
  /// The rule that admitted it; nullptr when a decider did.
  [[nodiscard]] const policy::placed_text* rule() const noexcept { return rule_; }
  [[nodiscard]] policy::source source() const noexcept { return source_; }
  /// What to do to the request (`removes`, then `inject_request_headers`); nullptr: nothing.
  [[nodiscard]] const mitm_hook* hook() const noexcept { return hook_; }
  /// Of the hook in the configured list.
  [[nodiscard]] size_t hook_index() const noexcept { return hook_index_; }
  /// What a decider said was about the tunnel that this came through (`answer::of_tunnel`).
  [[nodiscard]] bool by_word_on_tunnel() const noexcept { return by_word_on_tunnel_; }
  /// The path was judged, in canonical form: it is sent as that (`request_facts::canonical`).
  [[nodiscard]] bool path_judged() const noexcept { return path_judged_; }

private:
  permit(target to, const policy::placed_text* rule, policy::source source)
    : to_(std::move(to)), rule_(rule), source_(source) {}
  friend class judging::grants;
  target to_;
  const policy::placed_text* rule_;
  policy::source source_;
  bool path_judged_ = false;
  bool by_word_on_tunnel_ = false;
  const mitm_hook* hook_ = nullptr;
  size_t hook_index_ = 0;
};

/// Whether a literal or localhost name is one of the proxy's own listeners (step 4).
[[nodiscard]] bool is_own_listener(const rules& in_force, const host& h, uint16_t port);

/// Whether requests to a target that was let through are read and judged one by one: tunnels that
/// are intercepted, because the mode is limited, the host has hooks, or for `inspect` (SOCKS for
/// this alone: the others refuse it); what comes inside of them; and https in absolute form, which
/// the proxy reads anyway.
[[nodiscard]] bool is_read(const rules& in_force, const target& what) noexcept;

/// The addresses of a literal (itself) or of localhost and the names below it (127.0.0.1 and ::1),
/// known without DNS. Empty: the name must be resolved.
[[nodiscard]] std::vector<ip_address> known_addresses(const host& h);

} // namespace proxy::policy
