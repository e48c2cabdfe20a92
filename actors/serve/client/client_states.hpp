#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "actors/messages.hpp"
#include "actors/serve/client/client_io.hpp"
#include "actors/serve/decide/pass.hpp"
#include "actors/serve/upstream/upstream.hpp"

/// What a client is served with: one state at a time, each with what it alone needs.

namespace proxy {

class association;
class client_session;
struct exchange;

/// A tunnel whose requests are read and judged one by one.
struct interception {
  explicit interception(pass granted) : tunnel(std::move(granted)) {}

  pass tunnel;
  bool tls = true; ///< What the client speaks inside: HTTP under TLS, or in the clear.
  /// Why every request is answered with 421: the handshake named another host. "" when it did not.
  std::string misdirected;
};

/// A refused CONNECT that is answered inside the tunnel it asked for: to one client that knows how
/// to read an answer to its request, but not one to CONNECT. Nothing is behind it.
struct refused_tunnel {
  policy::denial why;
  snapshot_ptr snapshot; ///< What refused it: holds the rule that decided.
  policy::target to;
  std::string request_id; ///< Of the CONNECT, the one event of it all.
  std::string remedy;
};

/// What admitted an open tunnel: enough to judge it again, to list it and to log its end. With
/// `log.access` also the last request.
class admission {
public:
  explicit admission(pass granted) : by_(std::move(granted)) {}
  /// Of what has no pass that it goes by: an association, a request to a unix socket.
  explicit admission(policy::target to) : by_(std::move(to)) {}

  [[nodiscard]] const policy::target& to() const noexcept {
    return granted_by() ? granted_by()->to() : std::get<policy::target>(by_);
  }
  [[nodiscard]] pass* granted_by() noexcept { return std::get_if<pass>(&by_); }
  [[nodiscard]] const pass* granted_by() const noexcept { return std::get_if<pass>(&by_); }
  /// "decider", the text of the rule, or "".
  [[nodiscard]] std::string_view rule_text() const noexcept;

  policy::standing where; ///< Of a tunnel.

private:
  std::variant<policy::target, pass> by_;
};

/// Renews the pass of an open tunnel: by its target, where it leads, and its head if it has one.
/// @pre `of.granted_by()`
[[nodiscard]] pass::renewed renew(client_session& c, admission& of);

/// Lists what was admitted.
void describe(const admission& what, connection_info& out);

// Each state has
//   admitted   what let it stand, if it is an open tunnel; else nullptr
//   subject    what a new policy may refuse of it; nullptr when there is nothing
//   judge      whether that may go on under the policy of now: the denial when not (pre: subject())
//   describe   what GET /connections shows of it
//   close      closes what it has open towards upstreams
namespace state {

/// A request is awaited, read, judged, answered by us, or what is to serve it is looked for. A
/// policy that comes meanwhile finds nothing here that goes on: who has waited judges anew.
struct reading {
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] const policy::target* subject() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing) noexcept {}
};

/// A request has been sent, or is being, and its response is awaited or on its way.
struct exchanging {
  exchanging(exchange& ex, std::unique_ptr<upstream> serving)
    : request(&ex), server(std::move(serving)) {}

  /// @returns nullptr but for a request with a body, which may be as open as a tunnel.
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  exchange* request; ///< Of the flow; never null.
  std::unique_ptr<upstream> server;
};

/// Bytes that nobody reads go both ways.
struct tunnel {
  [[nodiscard]] const admission* admitted() const noexcept { return admitted_by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept { return &admitted_by->to(); }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  std::unique_ptr<upstream> server;
  std::unique_ptr<admission> admitted_by;
  std::unique_ptr<interception> enclosing; ///< Of a protocol that a request inside switched to.
  bool must_not_answer_http = false;       ///< `inspect` could not read it, and would have had to.
};

/// A tunnel whose requests are read: from its 200 on, and between and during requests.
struct intercepted {
  [[nodiscard]] const admission* admitted() const noexcept { return admitted_by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing how) noexcept;

  std::unique_ptr<interception> what;
  std::unique_ptr<admission> admitted_by; ///< Null on a stream: its connection has it.
  std::unique_ptr<upstream> dialled;      ///< For the tunnel; not yet used by a request.
  std::optional<exchanging> request;      ///< The one under way.
};

/// A tunnel that was refused, and that is to say so to what the client asks for inside.
struct refused {
  [[nodiscard]] const admission* admitted() const noexcept { return nullptr; }
  [[nodiscard]] const policy::target* subject() const noexcept { return nullptr; }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing) noexcept {}

  std::shared_ptr<const refused_tunnel> what; ///< Never null; streams share it.
};

/// The client's datagrams are relayed (RFC 1928 §7).
struct association {
  association(std::unique_ptr<proxy::association> what, std::unique_ptr<admission> admission);
  association(association&&) noexcept;
  association& operator=(association&&) noexcept;
  ~association();

  [[nodiscard]] const admission* admitted() const noexcept { return admitted_by.get(); }
  [[nodiscard]] const policy::target* subject() const noexcept { return &admitted_by->to(); }
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
  void describe(connection_info& out) const;
  void close(closing) noexcept;

  std::unique_ptr<proxy::association> relay;
  std::unique_ptr<admission> admitted_by;
};

/// The client speaks HTTP/2 inside its tunnel; its streams are sessions of their own.
struct h2_link {
  [[nodiscard]] const admission* admitted() const noexcept;
  [[nodiscard]] const policy::target* subject() const noexcept;
  [[nodiscard]] std::optional<policy::denial> judge(client_session& c);
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
