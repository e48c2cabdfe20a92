#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "config/proxy_config.hpp"

namespace proxy::config {

/// Where a key stands in the two layouts (N: newer, O: older).
enum class scope : uint8_t {
  network, ///< N `[permissions.P.network]`, O `[network_proxy]`.
  policy,  ///< N `[permissions.P.network]`, O `[network_proxy.policy]`.
  daemon,  ///< `[network_proxy]` in both.
};

/// What a value means beyond its type.
enum class form : uint8_t {
  plain,
  bytes,        ///< An integer that may be written "64KiB".
  word,         ///< One of `key::words`.
  path,         ///< A file; relative ones start at the directory of the configuration file.
  output,       ///< "none", "stderr" or "file:PATH".
  servers,      ///< List of addresses with optional ports.
  sockets,      ///< List of absolute paths.
  domain_map,   ///< Pattern -> allow, deny or none.
  socket_map,   ///< Absolute path -> allow, deny or none.
  hooks,        ///< Array of tables.
  certificates, ///< Array of tables.
  users,        ///< Name -> "env:NAME" or "file:PATH".
  headers,      ///< The same, of fields of HTTP.
  texts,        ///< Name -> text.
};

/// The member of a `proxy_config` that holds a key's value; monostate for those merged into another
/// key's.
using value_ref =
  std::variant<std::monostate, bool*, uint64_t*, milliseconds*, std::string*, policy::mode*,
               std::vector<std::string>*, std::vector<policy::placed_text>*,
               std::vector<socks_user>*, std::vector<policy::mitm_hook>*,
               std::vector<client_certificate>*, std::vector<otlp_header>*, text_pairs*,
               listen_address*, std::optional<listen_address>*>;

/// One key. The loader, unknown-key hints, `--help`, GET /config, `changed` and proxy.toml follow
/// from it.
struct key {
  scope in = scope::network;
  std::string_view name; ///< Dotted, as it stands below the table of the newer layout.
  value_ref (*at)(proxy_config&) = nullptr;
  std::string_view doc; ///< One line.
  form as = form::plain;
  int64_t low = 0; ///< Bounds, both included: integers, or milliseconds.
  int64_t high = 0;
  std::string_view words = {}; ///< "a|b|c".
  bool at_start = false;       ///< Read once: a new value waits for a restart.
};

/// `at<&proxy_config::limits, &limits::max_head_bytes>`
template <auto... Path>
value_ref at(proxy_config& config) {
  return &(config.*....*Path);
}

inline value_ref nowhere(proxy_config&) { return {}; }

namespace bound {
inline constexpr int64_t one_ms = 1, day = 24 * 3600 * 1000LL, week = 7 * day;
inline constexpr int64_t kib = 1024, mib = 1024 * kib, million = 1'000'000;
} // namespace bound

// The order is that of proxy.toml and --help. Keys of a sub-table stand together.
// clang-format off
inline constexpr std::array keys{
  key{scope::network, "enabled", at<&proxy_config::enabled>, "bind the listeners and serve; false keeps the process waiting for a reload"},
  key{scope::network, "mode", at<&proxy_config::mode>, "full: any method; limited: only GET, HEAD and OPTIONS", form::word, 0, 0, "full|limited"},
  key{scope::network, "proxy_url", at<&proxy_config::http>, "where the HTTP proxy listens: http://host:port, host:port or host"},
  key{scope::network, "enable_socks5", at<&proxy_config::enable_socks5>, "offer SOCKS5"},
  key{scope::network, "socks_url", at<&proxy_config::socks>, "where the SOCKS5 proxy listens"},
  key{scope::network, "enable_socks5_udp", at<&proxy_config::enable_socks5_udp>, "offer UDP ASSOCIATE over SOCKS5"},
  key{scope::network, "allow_upstream_proxy", at<&proxy_config::allow_upstream_proxy>, "go through the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names"},
  key{scope::network, "dangerously_allow_non_loopback_proxy", at<&proxy_config::dangerously_allow_non_loopback_proxy>, "let proxy_url and socks_url name addresses other machines reach"},
  key{scope::policy, "allowed_domains", at<&proxy_config::allowed_domains>, "host patterns that may be reached: x, *.x (below x), **.x (x and below), each with an optional :port; IP literals and CIDRs"},
  key{scope::policy, "denied_domains", at<&proxy_config::denied_domains>, "host patterns that may not, whatever allowed_domains says"},
  key{scope::policy, "domains", nowhere, "the same as a map, merged with both lists: pattern = \"allow\", \"deny\" or \"none\"", form::domain_map},
  key{scope::policy, "allow_local_binding", at<&proxy_config::allow_local_binding>, "let allowed names lead to private and loopback addresses"},
  key{scope::policy, "allow_unix_sockets", at<&proxy_config::allow_unix_sockets>, "absolute paths of unix sockets that may be reached (macOS); any entry keeps all listeners on loopback", form::sockets},
  key{scope::policy, "unix_sockets", nowhere, "the same as a map: path = \"allow\", \"deny\" or \"none\"", form::socket_map},
  key{scope::network, "dangerously_allow_all_unix_sockets", at<&proxy_config::dangerously_allow_all_unix_sockets>, "let every unix socket be reached (macOS)"},
  key{scope::network, "mitm_hooks", at<&proxy_config::mitm_hooks>, "which requests to a host may pass, and which headers they lose and get; needs mitm", form::hooks},
  key{scope::network, "client_certificates", at<&proxy_config::client_certificates>, "what is shown to upstreams that ask for a client certificate, where the proxy makes the TLS connection: {hosts, cert, key} with host patterns and PEM files; the first that fits", form::certificates},
  key{scope::network, "refusals", at<&proxy_config::refusals>, "where a refused CONNECT is answered: connect, by its response; inside, in the tunnel, with a certificate of our CA; auto, inside on port 443 with mitm for clients whose environment we made (run)", form::word, 0, 0, "auto|inside|connect"},
  key{scope::network, "mitm.enabled", at<&proxy_config::mitm, &mitm::enabled>, "intercept TLS where mode, hooks or inspect ask for it; mitm = true says the same"},
  key{scope::network, "mitm.inspect", at<&proxy_config::mitm, &mitm::inspect>, "intercept every tunnel and log the sizes of bodies"},
  key{scope::network, "mitm.max_body_bytes", at<&proxy_config::mitm, &mitm::max_body_bytes>, "how much of a body is counted before it is called truncated", form::bytes, 0, 1024 * bound::mib},
  key{scope::network, "mitm.ca_cert_path", at<&proxy_config::mitm, &mitm::ca_cert_path>, "certificate of the local CA; \"\" is proxy/ca.pem in $CODEX_HOME", form::path},
  key{scope::network, "mitm.ca_key_path", at<&proxy_config::mitm, &mitm::ca_key_path>, "its key; \"\" is proxy/ca.key in $CODEX_HOME", form::path},

  key{scope::daemon, "admin_url", at<&proxy_config::admin>, "where the admin API listens: as proxy_url, or unix:///path; \"\" turns it off"},
  key{scope::daemon, "dangerously_allow_non_loopback_admin", at<&proxy_config::dangerously_allow_non_loopback_admin>, "let admin_url name an address other machines reach"},
  key{scope::daemon, "admin_token_env", at<&proxy_config::admin_token_env>, "environment variable that holds the bearer token of the admin API; \"\" for none"},
  key{scope::daemon, "admin_token_file", at<&proxy_config::admin_token_file>, "file that holds it", form::path},
  key{scope::daemon, "workers", at<&proxy_config::workers>, "threads that serve connections; 0 is one per usable core; needs a restart", form::plain, 0, 1024, {}, true},
  key{scope::daemon, "io", at<&proxy_config::io>, "how calls on sockets are made: batched, those of many connections at once (io_uring); plain, one by one; auto, batched where the system allows it; needs a restart", form::word, 0, 0, "auto|plain|batched", true},
  key{scope::daemon, "shutdown_grace", at<&proxy_config::shutdown_grace>, "how long open connections may finish after SIGTERM", form::plain, 0, bound::day},
  key{scope::daemon, "via", at<&proxy_config::via>, "add a Via field to what is forwarded"},
  key{scope::daemon, "mixed_listeners", at<&proxy_config::mixed_listeners>, "each proxy listener serves HTTP and SOCKS5, told apart by a client's first byte"},
  key{scope::daemon, "socks_users", at<&proxy_config::socks_users>, "who may use the proxy, over HTTP and SOCKS5, and where the password is: name = \"env:NAME\" or \"file:PATH\"; none: anybody", form::users},

  key{scope::daemon, "limits.max_head_bytes", at<&proxy_config::limits, &limits::max_head_bytes>, "longest request or response head, start line included", form::bytes, bound::kib, bound::mib},
  key{scope::daemon, "limits.max_header_fields", at<&proxy_config::limits, &limits::max_header_fields>, "most field lines in a head; cookies of HTTP/2 are one", form::plain, 1, 10'000},
  key{scope::daemon, "limits.max_connections", at<&proxy_config::limits, &limits::max_connections>, "most client connections at once; beyond it 503; 0 is half of the file descriptors that the process may have", form::plain, 0, 10 * bound::million},
  key{scope::daemon, "limits.max_connections_per_client", at<&proxy_config::limits, &limits::max_connections_per_client>, "most connections of one client address; 0 is unbounded", form::plain, 0, 10 * bound::million},
  key{scope::daemon, "limits.max_idle_upstreams", at<&proxy_config::limits, &limits::max_idle_upstreams>, "idle upstream connections each worker keeps for reuse", form::plain, 0, bound::million},
  key{scope::daemon, "limits.max_idle_upstreams_per_origin", at<&proxy_config::limits, &limits::max_idle_upstreams_per_origin>, "of these, most to one origin", form::plain, 0, bound::million},
  key{scope::daemon, "limits.max_drain_bytes", at<&proxy_config::limits, &limits::max_drain_bytes>, "longest body of a refused request that is read so that its connection stays usable", form::bytes, 0, 64 * bound::mib},
  key{scope::daemon, "limits.max_udp_associations", at<&proxy_config::limits, &limits::max_udp_associations>, "most UDP associations at once; beyond it they are refused", form::plain, 0, bound::million},
  key{scope::daemon, "limits.max_udp_targets", at<&proxy_config::limits, &limits::max_udp_targets>, "targets each association remembers; the one unused for longest makes room", form::plain, 1, 65'536},
  key{scope::daemon, "limits.memory", at<&proxy_config::limits, &limits::memory>, "what the buffers of all connections may hold; beyond it new requests and connections get 503; 0 is a quarter of the memory that the process may use", form::bytes, 0, 1024 * 1024 * bound::mib},

  key{scope::daemon, "limits.min_body_rate", at<&proxy_config::limits, &limits::min_body_rate>, "bytes a second that the body of a request or response moves at least, over timeouts.slow_body, while its sender or receiver is the one waited for; below it 408 or a reset; 0 is no matter how slow", form::plain, 0, 1000 * bound::million},

  key{scope::daemon, "timeouts.head", at<&proxy_config::timeouts, &timeouts::head>, "first byte of a request head to its end; beyond it 408", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.keep_alive", at<&proxy_config::timeouts, &timeouts::keep_alive>, "idle client connection between requests", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.dns", at<&proxy_config::timeouts, &timeouts::dns>, "one name, all servers and retries; beyond it 504", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.connect", at<&proxy_config::timeouts, &timeouts::connect>, "all dial attempts for one request together; beyond it 504", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.response", at<&proxy_config::timeouts, &timeouts::response>, "request sent, or interim response, to the next response head; beyond it 504", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.idle", at<&proxy_config::timeouts, &timeouts::idle>, "longest silence of a tunnel or body, both directions together", form::plain, bound::one_ms, bound::week},
  key{scope::daemon, "timeouts.slow_body", at<&proxy_config::timeouts, &timeouts::slow_body>, "what limits.min_body_rate is measured over", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.upstream_idle", at<&proxy_config::timeouts, &timeouts::upstream_idle>, "how long an unused upstream connection is kept", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.tls_handshake", at<&proxy_config::timeouts, &timeouts::tls_handshake>, "TLS handshake with an upstream", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "timeouts.udp_idle", at<&proxy_config::timeouts, &timeouts::udp_idle>, "longest silence of a UDP association before it ends", form::plain, bound::one_ms, bound::week},

  key{scope::daemon, "decider.timeout", at<&proxy_config::decider, &decider::timeout>, "how long whoever decides over what no rule settles may take; beyond it the request is refused", form::plain, bound::one_ms, bound::day},

  key{scope::daemon, "dns.servers", at<&proxy_config::dns, &dns::servers>, "name servers: ip, ip:port or [ip6]:port; none: the system's", form::servers},
  key{scope::daemon, "dns.hosts_file", at<&proxy_config::dns, &dns::hosts_file>, "names looked up here first; \"\" for none", form::path},
  key{scope::daemon, "dns.cache_size", at<&proxy_config::dns, &dns::cache_size>, "names each worker remembers; 0 turns the cache off", form::plain, 0, 10 * bound::million},
  key{scope::daemon, "dns.max_ttl", at<&proxy_config::dns, &dns::max_ttl>, "answers are kept for their TTL but no longer than this", form::plain, 0, bound::week},
  key{scope::daemon, "dns.negative_ttl", at<&proxy_config::dns, &dns::negative_ttl>, "how long a failure is remembered", form::plain, 0, bound::day},
  key{scope::daemon, "dns.search", at<&proxy_config::dns, &dns::search>, "look for names without a dot in the search domains of resolv.conf"},

  key{scope::daemon, "audit.output", at<&proxy_config::audit, &audit::output>, "where decisions are written as JSON lines: none, stderr or file:PATH", form::output},
  key{scope::daemon, "audit.queue_size", at<&proxy_config::audit, &audit::queue_size>, "events waiting for a slow output; beyond it they are dropped and counted", form::plain, 1, 10 * bound::million},

  key{scope::daemon, "log.level", at<&proxy_config::log, &log::level>, "info: lifecycle and refusals", form::word, 0, 0, "trace|debug|info|warn|error|off"},
  key{scope::daemon, "log.format", at<&proxy_config::log, &log::format>, "text or json lines", form::word, 0, 0, "text|json"},
  key{scope::daemon, "log.access", at<&proxy_config::log, &log::access>, "one line at the end of each connection"},

  key{scope::daemon, "otel.endpoint", at<&proxy_config::otel, &otel::endpoint>, "collector to which decisions and metrics are sent over OTLP/HTTP: http:// or https:// URL, to which /v1/logs and /v1/metrics are added; it is reached directly; where this is not set, OTEL_EXPORTER_OTLP_ENDPOINT says it; \"\" is none, whatever that says"},
  key{scope::daemon, "otel.protocol", at<&proxy_config::otel, &otel::protocol>, "encoding of what is sent", form::word, 0, 0, "http/protobuf|http/json"},
  key{scope::daemon, "otel.headers", at<&proxy_config::otel, &otel::headers>, "fields of each request to the collector: name = \"env:NAME\" or \"file:PATH\", where the value is", form::headers},
  key{scope::daemon, "otel.compression", at<&proxy_config::otel, &otel::compression>, "of what is sent", form::word, 0, 0, "gzip|none"},
  key{scope::daemon, "otel.timeout", at<&proxy_config::otel, &otel::timeout>, "one attempt to send", form::plain, bound::one_ms, 600'000},
  key{scope::daemon, "otel.ca_file", at<&proxy_config::otel, &otel::ca_file>, "PEM file of the CAs that the collector's certificate may come from; \"\" is those of the system", form::path},
  key{scope::daemon, "otel.client_cert", at<&proxy_config::otel, &otel::client_cert>, "PEM file of the certificate that the collector is shown; \"\" for none", form::path},
  key{scope::daemon, "otel.client_key", at<&proxy_config::otel, &otel::client_key>, "its key", form::path},
  key{scope::daemon, "otel.traces", at<&proxy_config::otel, &otel::send_traces>, "send spans of what clients ask for, too (/v1/traces), where a collector is known"},
  key{scope::daemon, "otel.attributes", at<&proxy_config::otel, &otel::attributes>, "what each event says besides, here and in the audit trail, such as \"conversation.id\" = \"…\"", form::texts},
  key{scope::daemon, "otel.queue_size", at<&proxy_config::otel, &otel::queue_size>, "events, and as many spans, that wait to be sent; beyond it they are dropped and counted", form::plain, 1, 10 * bound::million},
  key{scope::daemon, "otel.batch_size", at<&proxy_config::otel, &otel::batch_size>, "most of them in one request", form::plain, 1, 100'000},
  key{scope::daemon, "otel.delay", at<&proxy_config::otel, &otel::delay>, "how long one of them waits for others", form::plain, bound::one_ms, bound::day},
  key{scope::daemon, "otel.metrics_interval", at<&proxy_config::otel, &otel::metrics_interval>, "how often metrics are sent", form::plain, 1000, bound::day},
};
// clang-format on

/// A table of the file that holds our keys.
enum class table_kind : uint8_t {
  profile,       ///< `[permissions.P.network]`
  network_proxy, ///< `[network_proxy]`
};

/// The keys of a table by their dotted names in it. `[network_proxy]` knows all of them, by the
/// older layout.
[[nodiscard]] const std::map<std::string, const key*, std::less<>>& names_in(table_kind table);

/// The key with this newer-layout name. @pre it exists
[[nodiscard]] const key& key_named(std::string_view name);

/// A key from the root of the file, e.g. `permissions.dev.network.mode`; `profile` "" is the older
/// layout.
[[nodiscard]] std::string full_name(const key& k, std::string_view profile);

/// `permissions.P.network` with P quoted where TOML asks for it.
[[nodiscard]] std::string network_table(std::string_view profile);

/// The candidate nearest to a mistyped word by edit distance; "" when none is near.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

} // namespace proxy::config
