#pragma once

#include <string>
#include <vector>

#include "actors/control/policy/policy_document.hpp"
#include "tls/bundle.hpp"
#include "tls/ca_files.hpp"

/// Files by which clients trust our CA, and we trust upstreams.

namespace proxy {

/// The value of a variable, as these sources see it; "" when it is not set.
[[nodiscard]] std::string environment(const config::sources& from, const char* name);

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
void write_trust_bundle(const config::proxy_config& config, const surroundings& around,
                        std::vector<config::problem>& problems);

} // namespace proxy
