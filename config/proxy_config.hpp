#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/telemetry.hpp"
#include "policy/mitm_hook.hpp"
#include "policy/placed_text.hpp"
#include "policy/reason.hpp"
#include "policy/text_places.hpp"

namespace proxy::config {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// Where a listener binds. `path` set: a unix socket; else an IP literal and port (0: any free
/// one).
struct listen_address {
  std::string ip = "127.0.0.1";
  uint16_t port = 0;
  std::string path;
  friend bool operator==(const listen_address&, const listen_address&) = default;
};

/// Bounds on clients. The defaults are safe on a laptop.
struct limits {
  /// Longest request or response head, start line included, in bytes. Beyond it: 431 (502 for
  /// responses).
  uint64_t max_head_bytes = 64 * 1024;
  /// Most field lines in a head; cookies that came in pieces are one. Beyond it: as above.
  uint64_t max_header_fields = 256;
  /// Most client connections at once, over all workers; 0: what the process has descriptors for.
  /// Beyond it: 503 + Retry-After.
  uint64_t max_connections = 0;
  /// Most connections of one client address; 0 is unbounded.
  uint64_t max_connections_per_client = 0;
  /// Idle upstream connections kept for reuse: per worker, and per origin in a worker.
  uint64_t max_idle_upstreams = 1'000;
  uint64_t max_idle_upstreams_per_origin = 64;
  /// Longest body of a refused request that is read and dropped to keep the connection usable.
  uint64_t max_drain_bytes = 64 * 1024;
  /// Most UDP associations at once, over all workers, and most targets that one of them remembers;
  /// the target unused for longest makes room.
  uint64_t max_udp_associations = 10'000;
  uint64_t max_udp_targets = 256;
  /// What the buffers of all connections may hold before new requests and connections get 503; 0: a
  /// quarter of the memory that the process may use.
  uint64_t memory = 0;
  /// What a body has to move at least, in bytes a second over `timeouts.slow_body`, while it is its
  /// sender's or its receiver's turn; 0: no matter how slow. Below it: 408, or a reset.
  uint64_t min_body_rate = 100;
  friend bool operator==(const limits&, const limits&) = default;
};

/// Deadlines on everything that waits.
struct timeouts {
  milliseconds head = 30s;       ///< First byte of a request head to its end. Beyond it: 408.
  milliseconds keep_alive = 75s; ///< Idle client connection between requests.
  milliseconds dns = 5s;         ///< One name, all servers and retries.
  milliseconds connect = 10s;    ///< All dial attempts for one request together.
  milliseconds response = 10min; ///< Request sent, or interim response, to the next response head.
  milliseconds idle = 15min;     ///< Longest silence of a tunnel or body, both directions together.
  milliseconds slow_body = 60s;  ///< What `limits.min_body_rate` is measured over.
  milliseconds upstream_idle = 30s; ///< How long an unused upstream connection is kept.
  milliseconds tls_handshake = 10s; ///< With an upstream, for https:// targets.
  milliseconds udp_idle = 5min;     ///< Longest silence of a UDP association.
  friend bool operator==(const timeouts&, const timeouts&) = default;
};

/// Whoever has a word in what no rule settles, where the program that embeds the proxy has one.
struct decider {
  milliseconds timeout = 30s; ///< For its word. Beyond it: refused, `decider_timeout`.
  friend bool operator==(const decider&, const decider&) = default;
};

struct dns {
  std::vector<std::string> servers;      ///< `ip`, `ip:port`, `[ip6]:port`; empty: the system's.
  std::string hosts_file = "/etc/hosts"; ///< "" for none.
  uint64_t cache_size = 10'000;          ///< Names per worker; 0 turns the cache off.
  milliseconds max_ttl = 5min;           ///< Answers are kept for their TTL but no longer.
  milliseconds negative_ttl = 5s;        ///< How long a failure is remembered.
  bool search = true; ///< Names without a dot are looked for in the domains of resolv.conf.

  // What is no key.
  std::string resolv_conf = "/etc/resolv.conf";
  std::optional<std::string> local_domain; ///< LOCALDOMAIN of the environment (resolv.conf(5)).
  std::string res_options;                 ///< RES_OPTIONS.
  friend bool operator==(const dns&, const dns&) = default;
};

struct audit {
  std::string output = "none"; ///< "none", "stderr", or "file:PATH".
  uint64_t queue_size =
    65'536; ///< Events waiting for a slow sink; beyond it they are dropped and counted.
  friend bool operator==(const audit&, const audit&) = default;
};

struct log {
  std::string level = "info";  ///< trace, debug, info, warn, error, off.
  std::string format = "text"; ///< text or json.
  bool access = false;         ///< The canonical line at the end of each connection.
  friend bool operator==(const log&, const log&) = default;
};

struct mitm {
  bool enabled = false;
  bool inspect = false;
  uint64_t max_body_bytes = 4096;
  std::string ca_cert_path; ///< "": `$CODEX_HOME/proxy/ca.pem`.
  std::string ca_key_path;  ///< "": `$CODEX_HOME/proxy/ca.key`.
  friend bool operator==(const mitm&, const mitm&) = default;
};

/// Who may use the proxy: over SOCKS5 (RFC 1929) and HTTP (Basic, RFC 7617).
struct socks_user {
  std::string name;     ///< 1 to 255 bytes.
  std::string source;   ///< Where the password is: "env:NAME" or "file:PATH".
  std::string password; ///< Resolved, 1 to 255 bytes; never printed.
  friend bool operator==(const socks_user&, const socks_user&) = default;
};

/// A certificate for upstreams that ask who we are (mTLS), and which ones it is for.
struct client_certificate {
  std::vector<policy::placed_text> hosts; ///< Patterns, each with an optional port.
  std::string cert;                       ///< PEM: its own first, then those that lead to its root.
  std::string key;                        ///< PEM, readable by us alone.
  policy::placed_text where;              ///< For messages; no part of the value.

  friend bool operator==(const client_certificate& a, const client_certificate& b) {
    return a.cert == b.cert && a.key == b.key &&
           std::ranges::equal(a.hosts, b.hosts, {}, &policy::placed_text::text,
                              &policy::placed_text::text);
  }
};

/// Patterns that were added at run time, in the order in which they came.
struct added_patterns {
  std::vector<std::string> allowed;
  std::vector<std::string> denied;
  friend bool operator==(const added_patterns&, const added_patterns&) = default;
};

/// The effective configuration: all layers merged, validated, addresses clamped.
struct proxy_config {
  // What the policy says (SPEC: newer or older layout).
  bool enabled = false;
  policy::mode mode = policy::mode::full;
  bool allow_local_binding = false;
  bool allow_upstream_proxy = true;
  bool enable_socks5 = true;
  bool enable_socks5_udp = true;
  bool dangerously_allow_non_loopback_proxy = false;
  bool dangerously_allow_non_loopback_admin = false;
  bool dangerously_allow_all_unix_sockets = false;
  std::vector<policy::placed_text> allowed_domains;
  std::vector<policy::placed_text> denied_domains;
  std::vector<std::string> allow_unix_sockets;
  std::vector<std::string> denied_unix_sockets; ///< Take away what `all` allows.
  std::vector<policy::mitm_hook> mitm_hooks;    ///< With their secrets, which print as redacted.
  std::vector<client_certificate> client_certificates; ///< The first that fits is shown.
  config::mitm mitm;
  /// Where a refused CONNECT is answered: "connect" by its response, "inside" the tunnel that it
  /// asked for, "auto" inside where a client will believe us.
  std::string refusals = "auto";

  // Where it listens, after clamping.
  listen_address http{.ip = "127.0.0.1", .port = 3128, .path = {}};
  listen_address socks{.ip = "127.0.0.1", .port = 8081, .path = {}};
  std::optional<listen_address> admin = listen_address{.ip = "127.0.0.1", .port = 8080, .path = {}};

  // How the daemon runs.
  uint64_t workers = 0; ///< 0: one per usable core.
  std::string io = "auto";
  milliseconds shutdown_grace = 10s;
  std::string admin_token_env; ///< Environment variable that holds the admin token.
  std::string admin_token_file;
  std::string admin_token; ///< Resolved; never printed.
  bool via = true;         ///< Add Via to what is forwarded.
  config::limits limits;
  config::timeouts timeouts;
  config::decider decider;
  config::dns dns;
  config::audit audit;
  config::log log;
  config::otel otel;
  bool mixed_listeners = true; ///< Proxy listeners serve HTTP and SOCKS5, told by the first byte.
  std::vector<socks_user> socks_users; ///< Empty: clients need not say who they are.

  policy::mode mode_of_layers = policy::mode::full; ///< What the files and flags say.
  std::optional<policy::mode> mode_override; ///< Set at run time; `mode` is this, or the above.

  /// Normalised, each once; among those of `allowed_domains` and `denied_domains`.
  added_patterns added;

  std::string codex_home;         ///< `$CODEX_HOME`, default `~/.codex`.
  std::string profile;            ///< Selected `default_permissions`, "" in the older layout.
  std::vector<std::string> files; ///< The layers read, lowest first.
  /// Environment variables that any layer, for any profile, names as the source of a secret.
  std::vector<std::string> secret_variables;
  policy::text_places places; ///< Where what refusals name stands.
  /// Whoever connects has an environment that we made: it trusts our CA.
  bool made_environment = false;
  /// There is somebody to ask about what no rule allows.
  bool somebody_decides = false;
};

} // namespace proxy::config
