#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/type_id.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/snapshot.hpp"
#include "config/load.hpp"
#include "config/proxy_config.hpp"
#include "policy/rules.hpp"
#include "policy/upstream_proxy.hpp"
#include "protocols/error.hpp"
#include "protocols/ip_address.hpp"
#include "tls/leaf.hpp"

/// Every atom and message type of the product: the catalogue. Messages stay inside one process, so
/// none needs to be serialisable.

namespace proxy {

/// What a name resolved to; never empty.
struct dns_answer {
  std::vector<ip_address> addresses;
  bool cached = false;
  /// The name that has them, where a search domain was added to the one asked for; else empty.
  host found_as{};
};

/// Which front end a listening socket serves. With `mixed_listeners`, `http` and `socks` both serve
/// both.
enum class endpoint : uint8_t { http, socks, admin };

[[nodiscard]] constexpr std::string_view to_string(endpoint e) noexcept {
  return e == endpoint::http ? "http" : e == endpoint::socks ? "socks" : "admin";
}

/// A listening socket that all shards share: bound once, closed when the last of them lets go.
struct bound_listener;
using bound_listener_ptr = std::shared_ptr<const bound_listener>;
using listener_set = std::vector<bound_listener_ptr>;

/// A change that every shard serves.
struct reload_report {
  uint64_t generation = 0;
  std::vector<std::string> changed; ///< Keys whose values differ.
  uint64_t closed_tunnels = 0;
  /// Keys whose new values wait for a restart; what runs keeps the old ones.
  std::vector<std::string> needs_restart{};
};

/// What became of a reload, or of a mode or pattern that is set at run time: a report, or why the
/// old policy stays in force.
struct reload_outcome {
  std::optional<reload_report> report;
  std::vector<config::problem> problems;
  bool answered = true; ///< Else nobody had the time to look at it.
  bool ends = false;    ///< It was refused because the proxy ends.
};

/// A live connection, as GET /connections lists it.
struct connection_info {
  uint64_t id = 0;
  std::string client;
  std::string user;  ///< Who the client showed to be; "" when nobody asked.
  std::string state; ///< "idle", "request", "tunnel", "intercepted", "association", "stream".
  policy::protocol protocol = policy::protocol::http;
  std::string host; ///< "" before the first request.
  uint16_t port = 0;
  std::string rule; ///< What admitted it: pattern text, "decider", or "".
  std::string rule_file;
  uint32_t rule_line = 0;
  uint64_t bytes_up = 0; ///< Client to upstream.
  uint64_t bytes_down = 0;
  uint64_t age_ms = 0;
};

/// A worker's sign of life, and what it serves.
struct worker_beat {
  uint64_t generation = 0; ///< Of the policy in force there; 0: none yet.
  size_t listeners = 0;    ///< Sockets for clients of the proxy that it accepts on.
  size_t wanted = 0;       ///< Those that the policy says.
  bool draining = false;   ///< It takes in no clients any more.
};

} // namespace proxy

CAF_ADD_ATOM(proxy, proxy::atom, resolve, "resolve")
CAF_ADD_ATOM(proxy, proxy::atom, mint, "mint")
CAF_ADD_ATOM(proxy, proxy::atom, dial, "dial")
CAF_ADD_ATOM(proxy, proxy::atom, decide, "decide")
CAF_ADD_ATOM(proxy, proxy::atom, withdraw, "withdraw")
CAF_ADD_ATOM(proxy, proxy::atom, configure, "configure")
CAF_ADD_ATOM(proxy, proxy::atom, install, "install")
CAF_ADD_ATOM(proxy, proxy::atom, listen, "listen")
CAF_ADD_ATOM(proxy, proxy::atom, adopt, "adopt")
CAF_ADD_ATOM(proxy, proxy::atom, judge, "judge")
CAF_ADD_ATOM(proxy, proxy::atom, drain, "drain")
CAF_ADD_ATOM(proxy, proxy::atom, abort, "abort")
CAF_ADD_ATOM(proxy, proxy::atom, describe, "describe")
CAF_ADD_ATOM(proxy, proxy::atom, count, "count")
CAF_ADD_ATOM(proxy, proxy::atom, blocked, "blocked")
CAF_ADD_ATOM(proxy, proxy::atom, current, "current")
CAF_ADD_ATOM(proxy, proxy::atom, reload, "reload")
CAF_ADD_ATOM(proxy, proxy::atom, set_mode, "setmode")
CAF_ADD_ATOM(proxy, proxy::atom, lift_mode, "liftmode")
CAF_ADD_ATOM(proxy, proxy::atom, allow, "allow")
CAF_ADD_ATOM(proxy, proxy::atom, deny, "deny")
CAF_ADD_ATOM(proxy, proxy::atom, addresses, "addresses")
CAF_ADD_ATOM(proxy, proxy::atom, record, "record")
CAF_ADD_ATOM(proxy, proxy::atom, reopen, "reopen")
CAF_ADD_ATOM(proxy, proxy::atom, flush, "flush")
CAF_ADD_ATOM(proxy, proxy::atom, load, "load")
CAF_ADD_ATOM(proxy, proxy::atom, bind, "bind")
CAF_ADD_ATOM(proxy, proxy::atom, close, "close")
CAF_ADD_ATOM(proxy, proxy::atom, watch, "watch")
CAF_ADD_ATOM(proxy, proxy::atom, lost, "lost")
CAF_ADD_ATOM(proxy, proxy::atom, beat, "beat")

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::config_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::snapshot_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::dns_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::host)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::tls::authority_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::tls::leaf_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::endpoint)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::bound_listener_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::listener_set)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::reload_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::connection_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<proxy::connection_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::worker_beat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::policy::mode)
