#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "actors/client_io.hpp"
#include "actors/messages.hpp"
#include "actors/upstream.hpp"

/// What a client is served with: one state at a time, each with what it alone needs.

namespace proxy {

class association;
class client_session;
struct exchange;

/// A tunnel whose requests are read and judged one by one.
struct interception {
  interception(policy::permit by, snapshot_ptr judged_under)
    : tunnel(std::move(by)), under(std::move(judged_under)) {}

  policy::permit tunnel; ///< Its rule lives in `under`.
  snapshot_ptr under;
  bool tls = true; ///< What the client speaks inside: HTTP under TLS, or in the clear.
  /// Why every request is answered with 421: the handshake named another host. "" when it did not.
  std::string misdirected;
};

/// A refused CONNECT that is answered inside the tunnel it asked for: to one client that knows how
/// to read an answer to its request, but not one to CONNECT. Nothing is behind it.
struct refused_tunnel {
  policy::denial why;
  policy::target to;
  snapshot_ptr under; ///< Holds the rule that decided, or `in_force` does.
  snapshot_ptr in_force;
  std::string request_id; ///< Of the CONNECT, the one event of it all.
  std::string remedy;
};

/// What admitted an open tunnel: enough to judge it again, to list it and to log its end.
struct admission {
  policy::target to;
  std::optional<ip_address> connected; ///< Unknown behind an upstream proxy.
  host found_as;     ///< The name of that address, where a search domain was added; else empty.
  policy::placed_text rule; ///< A copy: the rules it came from may be gone. Empty text: a decider.
  bool by_decider = false;
  bool intercepted = false; ///< Its requests are read and judged one by one.
  std::string head{};       ///< As received, of a request that switched protocols; else "".
};

/// Judges an open tunnel under a new policy. @returns the denial when it must be closed.
[[nodiscard]] std::optional<policy::denial> judge_tunnel(const snapshot& in_force,
                                                         const admission& of);

/// Lists what was admitted.
void describe(const admission& what, connection_info& out);

// Each state has
//   admitted   what let it stand, if it is an open tunnel; else nullptr
//   subject    what a new policy may refuse of it; nullptr when there is nothing
//   judge      whether that may go on under a new policy: the denial when not (pre: subject())
//   describe   what GET /connections shows of it
//   close      closes what it has open towards upstreams
namespace state {

/// A request is awaited, read, judged, answered by us, or what is to serve it is looked for. A
/// policy that comes meanwhile finds nothing here that goes on: who has waited judges anew.
struct reading {
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] const policy::target* subject() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing) noexcept {}
};

/// A request has been sent, or is being, and its response is awaited or on its way.
struct exchanging {
  exchanging(exchange& x, std::unique_ptr<upstream> by) : request(&x), server(std::move(by)) {}

  /// @returns nullptr but for a request with a body, which may be as open as a tunnel.
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  exchange* request; ///< Of the flow; never null.
  std::unique_ptr<upstream> server;
};

/// Bytes that nobody reads go both ways.
struct tunnel {
  [[nodiscard]] const admission* admitted() const noexcept { return by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept { return &by->to; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  std::unique_ptr<upstream> server;
  std::unique_ptr<admission> by;
  std::unique_ptr<interception> inside; ///< Of a protocol that a request inside switched to.
  bool must_not_answer_http = false;    ///< `inspect` could not read it, and would have had to.
};

/// A tunnel whose requests are read: from its 200 on, and between and during requests.
struct intercepted {
  [[nodiscard]] const admission* admitted() const noexcept { return by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  std::unique_ptr<interception> what;
  std::unique_ptr<admission> by;     ///< Null on a stream: its connection has it.
  std::unique_ptr<upstream> dialled; ///< For the tunnel; not yet used by a request.
  std::optional<exchanging> request; ///< The one under way.
};

/// A tunnel that was refused, and that is to say so to what the client asks for inside.
struct refused {
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] const policy::target* subject() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing) noexcept {}

  std::shared_ptr<const refused_tunnel> what; ///< Never null; streams share it.
};

/// The client's datagrams are relayed (RFC 1928 §7).
struct association {
  association(std::unique_ptr<proxy::association> what, std::unique_ptr<admission> admitted_by);
  association(association&&) noexcept;
  association& operator=(association&&) noexcept;
  ~association();

  [[nodiscard]] const admission* admitted() const noexcept { return by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept { return &by->to; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing) noexcept;

  std::unique_ptr<proxy::association> relay;
  std::unique_ptr<admission> by;
};

/// The client speaks HTTP/2 inside its tunnel; its streams are sessions of their own.
struct h2_link {
  [[nodiscard]] const admission* admitted() const noexcept;
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c, const snapshot_ptr& next);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  std::shared_ptr<http2_link> link;
  std::variant<intercepted, refused> in; ///< The tunnel.
};

} // namespace state

using client_state =
  std::variant<state::reading, state::exchanging, state::tunnel, state::intercepted, state::refused,
               state::association, state::h2_link>;

} // namespace proxy
