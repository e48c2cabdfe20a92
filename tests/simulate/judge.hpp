#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulate {

/// What a policy lets through: names and addresses of origins, and of methods all or those that
/// change nothing.
struct allowance {
  std::set<std::string> origins; ///< Addresses.
  bool limited = false;
  bool reads = false;    ///< Tunnels are read.
  bool disabled = false; ///< Nothing at all passes.

  [[nodiscard]] bool lets(const std::string& origin, bool changes_nothing) const {
    return !disabled && origins.contains(origin) && (!limited || changes_nothing);
  }
};

/// Something that begins at an origin, or on the way there.
struct beginning {
  std::string what;
  std::string origin; ///< Its address.
  bool changes_nothing;
  /// The proxy has read it, and chosen the connection that it goes over.
  bool forwarded = false;
};

/// Knows which policies were acknowledged, and sees to it that nothing begins that they refuse.
class judge {
public:
  /// A policy is being put in force: here and there it may be by now.
  void installs(allowance next) { pending_ = std::move(next); }
  [[nodiscard]] bool is_installing() const noexcept { return pending_.has_value(); }
  /// It is in force everywhere.
  /// @param sent  How much has been sent on each connection of the proxy's by now.
  void acknowledged(const std::vector<simulation::sent_bytes>& sent);
  /// Nothing comes of it.
  void gives_up() { pending_.reset(); }

  /// It begins now.
  void begins(const beginning& what);
  /// The same, on a connection from this port of the proxy's.
  void begins_on(const beginning& what, uint16_t port);
  /// The proxy sends something from this port of its own.
  void sends_from(uint16_t port);
  /// It came to its origin, inside TLS.
  /// @param port  Of the proxy's where it came from.
  /// @param at    Of all bytes that were sent from there: it began with this one, or a later one.
  void came(const beginning& what, uint16_t port, uint64_t at);

  /// @throws violation  What has been seen: who sees it is within a call of a socket.
  void tell() const;

private:
  /// A connection of the proxy's, from its first byte on.
  struct connection {
    size_t since;                ///< The policy that was in force then,
    size_t at_latest;            ///< or this one, which was being installed.
    std::vector<uint64_t> marks; ///< Bytes sent when each of the next ones was acknowledged.
  };

  /// It has begun when this policy was in force, or later.
  void check(const beginning& what, size_t policy);
  void check_connection(const beginning& what, const connection& over, size_t policy);
  void note(const beginning& what, const std::string& is_wrong);

  std::vector<allowance> policies_{1}; ///< The first refuses everything.
  std::optional<allowance> pending_;
  std::map<uint16_t, connection> connections_;
  std::string violated_;
};

} // namespace proxy::simulate
