#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "actors/control/policy/policy_source.hpp"

namespace proxy {

/// Whether a CA that is on no disk yet is made; `unread`: nor is one that is there looked at, for
/// it has a key.
enum class missing_ca : uint8_t { make, ignore, unread };

/// The addresses of this machine's interfaces, sorted. @returns nothing when they cannot be read.
[[nodiscard]] machine_addresses_read machine_addresses();

/// Loads all layers, the CA, the certificates for upstreams and the roots of trust. Reads files,
/// the environment and the machine's addresses; changes nothing but what `missing` says.
/// @param check_patterns  As for `config::load`.
/// @param problems        What is wrong is appended, warnings too.
/// @param addresses       Of this machine, as is `platform`.
/// @returns nothing when a problem, of before or new, is an error.
[[nodiscard]] std::optional<policy_document>
load_document(const config::sources& from, bool check_patterns, missing_ca missing,
              std::vector<config::problem>& problems,
              machine_addresses_read addresses = machine_addresses(),
              const tls::platform_roots& platform = tls::usual_roots());

/// Whether what the audit trail of a configuration is written to can be opened. Makes no file.
/// @param problems  An error is appended when it cannot.
void check_audit(const config::proxy_config& config, std::vector<config::problem>& problems);

/// What a `file_source` is born with.
struct file_source_start {
  config::sources from;
  /// Reads the addresses of this machine; tests have others.
  std::function<machine_addresses_read()> addresses = machine_addresses;
  tls::platform_roots platform = tls::usual_roots(); ///< Tests need none.
};

/// The source whose policy is in files, on this machine.
policy_source_actor::behavior_type file_source(policy_source_actor::pointer self,
                                               file_source_start start);

} // namespace proxy
