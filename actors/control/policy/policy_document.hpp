#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "config/proxy_config.hpp"
#include "policy/upstream_proxy.hpp"
#include "protocols/ip_address.hpp"
#include "tls/client.hpp"
#include "tls/leaf.hpp"
#include "tls/platform_roots.hpp"

namespace proxy {

/// What the machine and the environment add to a configuration, read when it was.
struct surroundings {
  policy::proxy_environment proxies;
  /// Of the machine's interfaces, sorted; unset when they cannot be read.
  std::optional<std::vector<ip_address>> addresses;
  /// Whom upstreams are verified against; never null.
  std::shared_ptr<const tls::client_context> trust;
  tls::authority_ptr ca; ///< Null without `mitm`, and where none is wanted.
  /// One for each of `client_certificates`; none at all where secrets are not wanted.
  std::vector<tls::client_identity_ptr> identities;
  /// The roots that the environment names for everybody (SSL_CERT_FILE, SSL_CERT_DIR); "" for none.
  std::string root_file, root_folder;
  tls::platform_roots platform; ///< Those of the machine.
};

/// All that a policy is compiled from.
struct policy_document {
  config::proxy_config config;
  surroundings around;
};

/// A problem without a place in a file.
[[nodiscard]] config::problem problem_of(std::string key, std::string message);

/// Whether one of the problems is an error.
[[nodiscard]] bool has_error(const std::vector<config::problem>& problems) noexcept;

} // namespace proxy
