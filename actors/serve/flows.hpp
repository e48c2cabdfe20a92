#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/serve/answer/answer_form.hpp"
#include "actors/serve/client/client_io.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/serve/decide/pass.hpp"

/// The coroutines of a connection, in the order in which a request meets them. Each is a free
/// function whose references outlive it: the connection owns its flow.

namespace proxy {

/// What follows on an exchange.
enum class after : uint8_t {
  next_request,
  close,
  close_in_steps, ///< Our last bytes may still be on their way.
  reset,          ///< What the client has must not look whole.
  tunnel,
  association,
  socks,
  streams,
  first_bytes, ///< A tunnel to be read: what its client says first decides (`begin_inside`).
  refusal,     ///< A refused tunnel, to be told so inside (`begin_refused`).
};

/// Serves a client of the proxy until its connection ends: requests, then perhaps a tunnel.
task<closing> client_flow(client_session& c);

/// Tells a client that a connection limit is reached, or that memory is short: `why`.
task<closing> turn_away(client_session& c, caf::error why);

/// Serves an intercepted client that speaks HTTP/2, each of its streams by a `stream_session`,
/// until the last is done.
task<after> serve_streams(client_session& c);

/// Serves the request of one stream.
task<closing> stream_flow(client_session& c);

/// What follows on bytes that a client did not take; remembers it for the log.
[[nodiscard]] after cut_off(client_session& c, sending how);

/// What a request asks for, taken out of its head: nothing here points into a buffer.
struct exchange {
  policy::target target;
  std::string head; ///< Rewritten, ready to be sent upstream.
  /// Via lines of that head, for a CONNECT of our own that goes before it.
  std::string via_lines;
  std::string offered; ///< Protocols to switch to, as they are offered upstream; "" for none.
  std::vector<std::string> held_back; ///< Names that its trailers must not carry.
  http1::framing body = http1::framing::none;
  uint64_t content_length = 0;
  /// Set once the policy has let it through: owns what the rest of this points to. With the head as
  /// it came, where there is one, to be judged by a newer policy.
  std::optional<pass> granted;
  std::optional<socket_pass> to_socket;        ///< The same for a unix socket.
  const policy::upstream_proxy* via = nullptr; ///< Goes through this proxy; lives in `granted`.
  std::string spare;                           ///< Memory for the head that a pass keeps.
  bool recorded = false;                       ///< Its admission is counted and audited.
  bool logs_in = false;    ///< Its credentials are those of the connection (RFC 4559).
  bool to_head = false;    ///< HEAD.
  bool idempotent = false; ///< RFC 9110 §9.2.2
  bool client_1_0 = false;
  bool keep_alive = false;
  bool upgrade = false; ///< Asks for what is `offered`.
  bool expects_continue = false;
  bool wrong_login = false; ///< It showed credentials, and they are nobody's.
  /// Of a request that is not passed on; others are asked by `received` when it comes to that.
  answer_form form = answer_form::usual;

  /// The head as it came; "" when nothing was granted, or what has no head.
  [[nodiscard]] const std::string& received() const noexcept {
    return granted ? granted->head() : to_socket ? to_socket->head() : spare;
  }
  /// The same, for its memory.
  [[nodiscard]] std::string take_received() noexcept {
    return granted ? granted->take_head() : to_socket ? to_socket->take_head() : std::move(spare);
  }
};

/// Serves one request after the other until something else follows.
task<after> serve_requests(client_session& c);

/// A response that the proxy gives itself: Max-Forwards ran out (RFC 9110 §7.6.2). The request is
/// granted, and goes nowhere.
struct own_answer {
  std::string body;
};

/// It may go on: `x.granted` is set, or `x.to_socket`.
struct let_through {};

using verdict = std::variant<let_through, policy::denial, own_answer, caf::error, policy::question>;

/// Decodes a request head and judges what it asks for, by the policy of this moment. Fills `x`.
[[nodiscard]] verdict judge_request(client_session& c, std::string_view head, exchange& x);

/// Judges a tunnel to `x.target` that no request head asks for (SOCKS), by the policy of this
/// moment. Fills `x`.
[[nodiscard]] verdict judge_tunnel_target(client_session& c, exchange& x);

/// Puts a question to whoever has a word in it, waits for that, and judges again by it and by the
/// policy of then. Ends when the client leaves, and after `process_state::decider_patience`.
/// @returns no question: where nobody answers it is the refusal that it comes to.
task<verdict> decide(client_session& c, exchange& x, policy::question asked);

// A flow that has waited judges what it holds anew, as if it had just come, if the policy has
// changed meanwhile: with its method, path, fields and all. `x` then holds what the new policy
// makes of it, the head to send included.

/// @pre `x.granted`
[[nodiscard]] pass::renewed renew(client_session& c, exchange& x);
/// @pre `x.to_socket`
[[nodiscard]] socket_pass::renewed renew_to_socket(client_session& c, exchange& x);

/// Whether the policy of this moment would let a request pass that is under way, by its head.
/// @param said  The word that it was granted by; nullptr where it had a rule.
/// @returns the denial when not.
[[nodiscard]] std::optional<policy::denial>
judge_under_way(client_session& c, std::string_view head, const policy::answer* said);

/// Forwards a request that was let through, and its response (RFC 9110 §7.6).
task<after> forward(client_session& c, exchange& x);

/// The same for a unix socket: an upstream of its own, which nobody else gets.
task<after> forward_to_socket(client_session& c, exchange& x);

/// Dials for a tunnel that was let through, which then is `state::tunnel` (`after::tunnel`) or,
/// where it is to be read, `state::intercepted` (`after::first_bytes`). Anything else: refused and
/// answered.
task<after> reach_tunnel(client_session& c, exchange& x);

/// Opens a tunnel for a CONNECT that was let through (RFC 9110 §9.3.6).
task<after> open_tunnel(client_session& c, exchange& x);

/// Serves a SOCKS5 client up to its tunnel or association (RFC 1928); bytes read already are in
/// `c.reader.pending`.
task<after> socks5_flow(client_session& c);

/// Relays the datagrams of a UDP association until its connection ends.
task<after> relay_datagrams(client_session& c);

/// Relays between client and upstream until both directions ended.
task<after> relay(client_session& c);

/// Connects to one of the vetted addresses (RFC 8305), with TLS when the target asks for it.
/// @param offer  Protocols for TLS; errc::no_common_protocol when the upstream speaks none of them.
/// @returns errc::policy_changed as soon as `x.granted` is stale.
task<caf::expected<std::unique_ptr<upstream>>> dial(client_session& c, const exchange& x,
                                                    const policy::vetted& to, tls::alpn offer);

/// What Via says of us; "" with `via = false`.
[[nodiscard]] std::string_view pseudonym_of(const client_end& c) noexcept;

/// Whether a request has been through this proxy already. @returns errc::loop_detected then.
/// @param first  It is the first on a connection, which this process may have made itself.
[[nodiscard]] caf::error check_loop(const client_end& c, const http1::head* head, bool first);

/// Connects through an upstream proxy: CONNECT for whatever is not a plain request, which takes the
/// bare connection (`needs_tunnel`).
/// The addresses of the target are the proxy's business: it is judged by name alone.
/// @returns errc::policy_changed as `dial`.
task<caf::expected<std::unique_ptr<upstream>>> dial_through(client_session& c, const exchange& x,
                                                            tls::alpn offer);

/// Resolves, vets and dials, and begins anew when the policy changes meanwhile: nothing begins
/// under a policy that is no longer in force. The refusal or fault, if any, is already answered.
/// @returns a connection that was made under the policy of this moment; nullptr when there is none:
///          `next` then says what to do with the connection to the client.
task<std::unique_ptr<upstream>> reach(client_session& c, exchange& x, after& next);

/// Counts and audits, once, that a request is admitted. @pre `x.granted`
void record_admission(client_session& c, exchange& x);

/// Whether the connection may go on once the request's body is dropped. Decided before an answer
/// that leaves the body unread, since the answer says so.
[[nodiscard]] bool may_keep(const client_end& c, const exchange& x);

/// After such an answer: drops the body, or has the connection closed in steps.
task<after> go_on(client_session& c, exchange& x, bool keep);

/// Answers with a refusal: counted, audited, recorded, sent. @returns what to do with the
/// connection.
task<after> refuse(client_session& c, exchange& x, const policy::denial& why);

/// Waits for what the client of a refused tunnel says first, and takes TLS off with a certificate
/// of our own CA; HTTP in the clear is taken as it is. `judge_request` refuses what is asked for
/// inside. Whoever says nothing of the kind within `timeouts.head` is cut off.
task<after> begin_refused(client_session& c);

/// Answers with a fault of ours, of the client or of the upstream.
task<after> fault(client_session& c, exchange& x, const caf::error& why);

/// With `log.access`: remembers what admitted a request, for the line at its connection's end.
void remember_admission(client_session& c, const exchange& x);

/// Opens a tunnel, which takes the pass of `x`. @returns it.
/// @param by        Of `x.granted`.
/// @param switched  It was a request that switched protocols: what judges it is its head.
state::tunnel& admit_tunnel(client_session& c, exchange& x, const fresh_pass& by,
                            std::unique_ptr<upstream> server, bool switched = false);

/// What admits a tunnel whose requests are read.
/// @param by  Of `of.tunnel`, or what that was made of.
[[nodiscard]] std::unique_ptr<admission> admit_interception(const interception& of,
                                                            const fresh_pass& by);

/// What CONNECT is answered.
inline constexpr std::string_view tunnel_established =
  "HTTP/1.1 200 Connection established\r\n\r\n";

/// Answers a request that names another host than its tunnel leads to with 421, and records it.
task<after> misdirected(client_session& c, exchange& x, const caf::error& why);

} // namespace proxy
