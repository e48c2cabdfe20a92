#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "actors/messages.hpp"
#include "config/load.hpp"
#include "tls/bundle.hpp"
#include "tls/ca_files.hpp"

/// From a loaded configuration to the policy that it describes, in two steps, because the addresses
/// of the listeners are known only once they are bound. The daemon, `check` and `explain` all come
/// this way.

namespace proxy {

/// A configuration compiled as far as it can be without its sockets.
struct draft {
  config_ptr config;                                ///< Never null.
  std::shared_ptr<policy::rules> rules;             ///< Never null; knows no listeners yet.
  std::shared_ptr<const tls::client_context> trust; ///< Never null.
  client_identities identities;
  tls::authority_ptr ca; ///< Null without `mitm`.
};

/// Whether a CA that is on no disk yet is made; `unread`: nor is one that is there looked at, for
/// it has a key.
enum class missing_ca : uint8_t { make, ignore, unread };

/// Compiles the rules and reads the CA, the certificates for upstreams and the roots of trust.
/// Reads the environment, the files that it names, and the machine's addresses; changes nothing but
/// what `missing` says.
/// @param from      Where `config` was loaded from: for the environment.
/// @param problems  What is wrong is appended.
/// @returns nothing when a problem, of before or new, is an error.
[[nodiscard]] std::optional<draft> compile(config::proxy_config config, const config::sources& from,
                                           uint64_t generation, missing_ca missing,
                                           std::vector<config::problem>& problems);

/// Where the CA of a configuration is kept.
[[nodiscard]] tls::ca_paths ca_paths_of(const config::proxy_config& config);

/// What the environment says that tools trust, beside SSL_CERT_FILE and SSL_CERT_DIR: what a client
/// trusts without us, we trust for it.
[[nodiscard]] std::vector<tls::named_trust> named_trust(const config::sources& from);

/// Where clients find whom to trust, in `$CODEX_HOME/proxy`; all "" when there is no such place.
[[nodiscard]] tls::bundle_paths bundle_paths_of(const config::proxy_config& config);

/// Writes the trust bundle of a CA: with the roots of the platform and those that the environment
/// names. Changes nothing when it stands there already.
/// @param problems  A warning is appended for what is left out, and when it cannot be written: that
///                  hurts clients, but lets nothing through.
void write_trust_bundle(const config::proxy_config& config, const config::sources& from,
                        const tls::authority& ca, std::vector<config::problem>& problems);

/// Adds the proxy's own listeners, and the upstream proxies that the environment names.
/// @param problems  A warning is appended for each value that is ignored.
[[nodiscard]] snapshot_ptr complete(draft what, std::vector<policy::socket_address> own_listeners,
                                    const config::sources& from,
                                    std::vector<config::problem>& problems);

/// The addresses of this machine's interfaces, sorted. @returns nothing when they cannot be read.
[[nodiscard]] std::optional<std::vector<ip_address>> machine_addresses();

/// The policy of `now` on a machine with other addresses: nothing else is loaded again, so that
/// what was set at run time stays. Its generation is the next one.
/// @param problems  A warning is appended for each proxy variable that names ourselves now.
[[nodiscard]] snapshot_ptr move_to(const snapshot& now, std::vector<ip_address> addresses,
                                   const config::sources& from,
                                   std::vector<config::problem>& problems);

/// What a daemon would start with, compiled without binding anything: its listeners stand where the
/// configuration says (port 0: nowhere).
/// @param check_patterns  As for `config::load`.
/// @param problems        All problems, warnings too.
/// @returns null when a problem is an error.
[[nodiscard]] snapshot_ptr compile_unbound(const config::sources& from, bool check_patterns,
                                           std::vector<config::problem>& problems);

/// A problem without a place in a file.
[[nodiscard]] config::problem problem_of(std::string key, std::string message);

/// Whether one of the problems is an error.
[[nodiscard]] bool has_error(const std::vector<config::problem>& problems) noexcept;

} // namespace proxy
