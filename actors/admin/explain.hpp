#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/loop/system/machine.hpp"
#include "actors/messages.hpp"
#include "policy/rules.hpp"
#include "protocols/error.hpp"

/// What the proxy would do with a request, by the functions that the live path uses.

namespace proxy {

/// A request to be explained, as a person names it.
struct question {
  std::string method = "GET";
  std::string address; ///< `http://…`, `https://…`, ws, wss, or `host[:port]`.
  std::optional<policy::protocol>
    protocol;                       ///< Unset: http:// is a plain request, all else a tunnel.
  std::vector<std::string> headers; ///< `name: value`, of the request, not of its CONNECT
};

/// A question understood: what the policy judges, and how to name it in an answer.
struct asked {
  policy::target target;
  std::string words; ///< "GET http://example.com/"
  /// Head of the request that the policy sees where the proxy reads it: in absolute form, or inside
  /// the tunnel of an https:// or wss:// address. "" when the question names none.
  std::string head;
};

/// Reads a question as the proxy would read the request of it.
/// @returns errc::malformed with the reason.
[[nodiscard]] caf::expected<asked> parse_question(const question& q);

/// The protocol a question is asked by.
[[nodiscard]] policy::protocol protocol_of(const question& q);

/// A question as it was asked, safe for a terminal.
[[nodiscard]] std::string words_of(const question& q);

/// What the proxy would do, and why. Plain values: nothing here points into rules.
struct explanation {
  std::string words;
  /// The moment that the rules are judged by, where one of them has an end.
  std::optional<wall_time> at;
  policy::decision decision = policy::decision::deny;
  std::string reason; ///< "allow", the reason of the refusal, or the name of an error code.
  std::string source; ///< "" when no policy decided: the request itself or the look-up is at fault.
  bool domain_scope = true;
  uint16_t status = 0; ///< Of the response a client would get; 200 when the request goes through.
  std::string x_proxy_error; ///< "" for none.
  std::string host;          ///< Normalised; "" when it is not valid.
  uint16_t port = 0;
  std::string protocol;
  std::string method; ///< Of the request inside where that was judged; "" for SOCKS.
  std::string mode;
  bool mitm = false;                       ///< The tunnel would be intercepted.
  std::optional<size_t> hook;              ///< The hook that matched, in configured order from 0.
  std::vector<ip_address> addresses;       ///< What the name resolved to.
  std::optional<policy::placed_text> rule; ///< The rule that decided.
  std::string remedy;                      ///< What can be done about a refusal; "" for none.
  bool told_inside = false; ///< CONNECT gets 200, and the request in its tunnel the refusal.
  std::vector<policy::step> steps;
  std::string
    response; ///< What a client would get from the proxy itself; "" when the request goes through.

  /// Whether the request would be sent on: allowed, and its name resolves.
  [[nodiscard]] bool goes_through() const noexcept { return status == 200; }
};

/// The name that must be looked up before a target can be explained: "" when the verdict does not
/// depend on it, or its addresses are known without asking.
[[nodiscard]] std::string name_to_resolve(const snapshot& in_force, const asked& what);

/// @param found  What `name_to_resolve` resolved to; not looked at when that was "". A name that
/// does
///               not resolve goes to the upstream proxy, if there is one for it, judged by name
///               alone.
[[nodiscard]] explanation explain(const snapshot& in_force, const asked& what,
                                  const caf::expected<dns_answer>& found,
                                  const clock& time = this_machine().clock);

/// The explanation of a question that `parse_question` could not read.
[[nodiscard]] explanation explain_fault(const policy::rules& in_force, const question& q,
                                        const caf::error& why);

/// One JSON object.
[[nodiscard]] std::string to_json(const explanation& e);

/// A few lines for people.
/// @param colour  Whether the verdict may be coloured by terminal codes.
[[nodiscard]] std::string to_text(const explanation& e, bool colour);

/// The protocol with this name, as `to_string` names it.
[[nodiscard]] std::optional<policy::protocol> protocol_named(std::string_view name) noexcept;

} // namespace proxy
