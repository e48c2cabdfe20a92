#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "policy/rules.hpp"
#include "policy/unix_socket.hpp"
#include "protocols/http1/message.hpp"
#include "protocols/http1/path.hpp"

/// The one answer to "may this go there?": for requests over HTTP, CONNECT, SOCKS, datagrams, what
/// is read inside a tunnel, the addresses that a name resolves to, and whatever stands when other
/// rules come. `explain` is this call with a trace.

namespace proxy::policy {

/// Who asks. Views live as long as the call.
struct client_ref {
  std::string_view name; ///< "" for nobody.
};

/// Who asks, and when. Views live as long as the call.
struct asker {
  client_ref client{};
  /// Rules that end are judged by it. Not set: those that allow have ended, those that refuse hold.
  std::optional<std::chrono::system_clock::time_point> now{};
};

/// What is read of a request: inside a tunnel, in absolute form. Views live as long as the call.
struct request_facts {
  std::string_view path; ///< Path and query as received (`http1::request_target::path`).
  /// Those that will be forwarded, without what belongs to the client's connection alone. Needed
  /// where `reads_fields` says so.
  std::span<const http1::field> fields;
  /// Takes the canonical path; keeps its capacity. Never null.
  http1::request_path* canonical;
};

/// What is known of whether somebody reads what goes through a tunnel.
enum class reading : uint8_t {
  possible, ///< It has not begun: what has to be read will be.
  done,     ///< It is read, request by request.
  none,     ///< Nobody has read it from its first byte on, and interception cannot begin now.
  hidden,   ///< The same, and its client hides something that is read where it is understood.
};

/// Where a name leads, or something that stands is connected to.
struct destination {
  /// Not set: it is not known, or somebody else looks it up. Set and empty is refused.
  std::optional<std::span<const ip_address>> addresses{};
  /// The name that has them, where it is not the one asked for (a search domain was added).
  const host* found_as = nullptr;
};

/// Somebody's word on what the rules leave to them.
struct answer {
  policy::decision decision = policy::decision::allow;
  /// Of a refusal. One of the names of `reason` counts as that reason, none as policy_denied, any
  /// other travels in `denial::words`.
  std::string_view words{};
  /// It was about the tunnel that this came through: rules that ask about requests ask again.
  bool of_tunnel = false;
};

/// What is asked. Views and pointers live as long as the call.
struct query {
  /// For a request inside a tunnel: the host that it names itself, the port of the tunnel.
  const target& to;
  asker by{};
  /// What the request asks for beyond its target; not set while it is unknown, as with CONNECT.
  std::optional<request_facts> request{};
  /// The tunnel that it came through: the names of both must agree.
  const target* through = nullptr;
  policy::reading reading = policy::reading::possible;
  /// Somebody was asked about this, now or before; nullptr: nobody. Counts for a question alone.
  const policy::answer* answer = nullptr;
  std::optional<destination> leads_to{};
  /// The same rules have granted it by name: only where it leads is looked at.
  bool granted = false;
  size_t* visits = nullptr; ///< When given, counts the rules that were looked at.
};

/// Nothing but somebody's word is missing.
class question {
public:
  question(target to, denial unanswered) : to_(std::move(to)), unanswered_(std::move(unanswered)) {}
  [[nodiscard]] const target& to() const noexcept { return to_; }
  /// What it comes to when nobody answers. Its rule lives in the rules that were asked.
  [[nodiscard]] const denial& unanswered() const noexcept { return unanswered_; }

private:
  target to_;
  denial unanswered_;
};

using verdict = std::variant<permit, denial, question>;

/// Judges: the names agree; state, denied, own listeners, local protection, allowed, rules that
/// ask; hooks; mode; then the addresses. The first step that refuses is told. Where only
/// `not_allowed` or a rule that asks stands in the way it is a question, provided that somebody may
/// be asked; where more does, nobody is asked. What an allow rule says of requests lets a tunnel
/// through to be read and no further. Pure; allocates nothing but the target of a permit when `why`
/// is null.
/// @param why  When given, every step passed is appended.
[[nodiscard]] verdict decide(const rules& in_force, const query& q, trace* why = nullptr);

/// The same where a permit is of no use, as it is there already: why it may not go on, or nothing.
/// A question that nobody has answered is the denial that it comes to.
[[nodiscard]] std::optional<denial> why_not(const rules& in_force, const query& q,
                                            trace* why = nullptr);

/// Judges a request for a unix socket: state, mode, whether there are any here, and its path. What
/// file a path leads to takes a look at files, which is for whoever dials.
/// @pre q.request.unix_socket
[[nodiscard]] std::variant<socket_permit, denial>
decide(const rules& in_force, const socket_query& q, trace* why = nullptr);

/// Whether datagrams may be relayed at all, before the first of them names a target: state and
/// mode.
[[nodiscard]] std::optional<denial> why_no_association(const rules& in_force, trace* why = nullptr);

/// Whether requests to a target have to bring their fields to be judged.
[[nodiscard]] bool reads_fields(const rules& in_force, const target& what) noexcept;

/// Whether the answer may depend on `asker::now`.
[[nodiscard]] inline bool reads_time(const rules& in_force) noexcept {
  return in_force.table->has_ends();
}

/// What a denial that is an error of the request says (`reason::misdirected`); none for all others.
[[nodiscard]] caf::error fault_in(const denial& d);

} // namespace proxy::policy
