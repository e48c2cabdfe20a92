#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/client_end.hpp"
#include "actors/client_io.hpp"
#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/task.hpp"
#include "actors/messages.hpp"
#include "actors/pass.hpp"
#include "actors/upstream.hpp"

namespace proxy {

/// Who serves a client: a `connection`, or a `stream_session` for each stream where it speaks
/// HTTP/2. Lives on the loop that accepted the client (or was handed it) and owns itself while its
/// flow runs; the shard only lists it.
using session_actor = caf::typed_actor<
  // Judge an open tunnel under a new policy; replies true when it was closed.
  caf::replies_to<atom::judge, snapshot_ptr>::with<bool>,
  // Finish what is under way, take nothing new.
  caf::reacts_to<atom::drain>,
  // End now.
  caf::reacts_to<atom::abort>>;

using pinned_session = pinned_actor<session_actor>;

/// Who a client showed to be.
struct identity {
  std::string user;
  config_ptr vouched_by; ///< Where the password stood that it showed.
};

/// A tunnel whose requests are read and judged one by one.
struct interception {
  explicit interception(pass by) : tunnel(std::move(by)) {}

  pass tunnel;
  bool tls = true; ///< What the client speaks inside: HTTP under TLS, or in the clear.
  /// Why every request is answered with 421: the handshake named another host. "" when it did not.
  std::string misdirected;
};

/// A refused CONNECT that is answered inside the tunnel it asked for: to one client that knows how
/// to read an answer to its request, but not one to CONNECT. Nothing is behind it.
struct refused_tunnel {
  policy::denial why;
  snapshot_ptr under; ///< What refused it: holds the rule that decided.
  policy::target to;
  std::string request_id; ///< Of the CONNECT, the one event of it all.
  std::string remedy;
};

/// What admitted an open tunnel: enough to judge it again, to list it and to log its end. With
/// `log.access` also the last request.
class admission {
public:
  explicit admission(pass by) : by_(std::move(by)) {}
  /// Of what has no pass that it goes by: an association, a request to a unix socket.
  explicit admission(policy::target to) : by_(std::move(to)) {}

  [[nodiscard]] const policy::target& to() const noexcept {
    return by() ? by()->to() : std::get<policy::target>(by_);
  }
  [[nodiscard]] pass* by() noexcept { return std::get_if<pass>(&by_); }
  [[nodiscard]] const pass* by() const noexcept { return std::get_if<pass>(&by_); }
  /// "decider", the text of the rule, or "".
  [[nodiscard]] std::string_view rule_text() const noexcept;

  policy::standing where; ///< Of a tunnel.

private:
  std::variant<policy::target, pass> by_;
};

/// Renews the pass of a tunnel, or of one that is read: by its target, and where it leads.
[[nodiscard]] pass::renewed renew(const snapshot_ptr& in_force, pass& tunnel,
                                  const policy::standing& where);

/// How a connection's flow ended; the `end` of its canonical log line.
enum class ending : uint8_t {
  done,
  client_gone,
  upstream_gone,
  idle,
  refused,
  fault,
  policy_changed,
  aborted
};
[[nodiscard]] std::string_view to_string(ending e) noexcept;

class association;
struct exchange;

/// Serving one client, request by request, and whatever a request becomes: what a connection of its
/// own and a stream of an HTTP/2 connection have in common. Both have one, and flows work with it;
/// how the client came, and how it goes, is theirs.
class client_session : public client_end {
public:
  /// On a connection of its own.
  client_session(pinned_session& self, shard_core& owner, endpoint serves, client_address from);
  /// On a stream of a client that is served already: what the client showed and was granted goes
  /// for the stream too.
  /// @param dialled  For the tunnel that the streams are in, not yet used; or nullptr.
  client_session(pinned_session& self, const client_session& of, std::unique_ptr<upstream> dialled);
  ~client_session();

  /// As GET /connections lists it.
  [[nodiscard]] connection_info describe() const;
  /// Who the client showed to be; "" when nobody asked.
  [[nodiscard]] std::string_view user() const noexcept {
    return known_as ? std::string_view{known_as->user} : std::string_view{};
  }
  /// Renews what admitted the open tunnel. @pre `tunnelling`, and no association
  [[nodiscard]] pass::renewed renew_tunnel();
  /// The same for the tunnel that requests come in. @pre `inside`
  [[nodiscard]] pass::renewed renew_inside();
  /// Holds something that a new policy may refuse.
  [[nodiscard]] bool is_open_to_judgement() const noexcept { return tunnelling || running; }
  /// Judges that by the policy of this moment. @returns the denial, recorded, when it may not go
  /// on.
  [[nodiscard]] std::optional<policy::denial> judge();
  /// Closes all that it has open.
  void close(closing how);

  pinned_session& self;   ///< In whose name other actors are asked.
  std::string first_down; ///< What a tunnel sends the client first: a 101 and what came with it.
  std::unique_ptr<upstream> server; ///< Of the request or tunnel under way.
  std::unique_ptr<upstream>
    ahead; ///< Dialled for an intercepted tunnel, not yet used by a request.
  std::unique_ptr<interception> inside; ///< Set from CONNECT on when the tunnel is intercepted.
  std::shared_ptr<const refused_tunnel> refused; ///< Set once a CONNECT is refused inside.
  std::shared_ptr<http2_link> link; ///< What the client speaks HTTP/2 on, its streams apart.
  std::unique_ptr<admission>
    admitted; ///< Of the tunnel; with `log.access`, of the last request too.
  /// With `log.access`: what the last request asked for that did not get through.
  std::unique_ptr<policy::target> turned_down;
  std::unique_ptr<association> udp; ///< Of a UDP ASSOCIATE.
  /// Upstreams that the client has logged in to: its streams share them, nobody else does.
  std::shared_ptr<login_connections> logins;
  /// The request that has been sent, until it is over: one inside a tunnel, or one with a body,
  /// which may be as open as a tunnel.
  exchange* running = nullptr;
  std::shared_ptr<const identity> known_as; ///< Null when nobody asked. HTTP: by this request.
  const uint64_t id;
  uint64_t bytes_up = 0;
  uint64_t bytes_down = 0;
  uint32_t requests = 0;
  uint32_t dns_ms = 0;     ///< Of the last look-up.
  uint32_t connect_ms = 0; ///< Of the last dial.
  const endpoint serves;   ///< The front end that it came to.
  bool tunnelling = false;
  bool wary = false; ///< A tunnel that `inspect` could not read: no HTTP may come out of it.
  ending end = ending::done;

  const steady_time began;

private:
  /// Whether what is open may go on; @returns the denial when not.
  [[nodiscard]] std::optional<policy::denial> judge_open();
  /// The same for the request that is under way. Its pass stays what it is: what was made of it is
  /// on its way.
  [[nodiscard]] std::optional<policy::denial> judge_running();
};

} // namespace proxy
