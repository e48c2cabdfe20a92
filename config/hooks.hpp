#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/layer.hpp"
#include "policy/mitm_hook.hpp"

namespace proxy::config {

/// Most bytes of a `secret_file`: what a header can carry.
inline constexpr size_t max_secret_bytes = 16 * 1024;

/// Whether a field may have this value: printable ASCII, spaces and tabs.
[[nodiscard]] bool is_header_value(std::string_view text) noexcept;

/// Reads `mitm_hooks`: a list of tables. Everything wrong is reported at its place, and the hook
/// left out. Secrets are not fetched yet.
/// @param name  The key as messages name it, e.g. `permissions.dev.network.mitm_hooks`.
[[nodiscard]] std::vector<policy::mitm_hook> read_hooks(const layer& from, const toml::node& node,
                                                        const std::string& name, report& out);

/// Fetches the secrets of the hooks in force from where they say, puts the prefix in front, and
/// checks that the outcome can stand in a header. Messages name where a secret comes from, never
/// what it is.
void resolve_secrets(std::vector<policy::mitm_hook>& hooks,
                     const std::function<std::optional<std::string>(const std::string&)>& env,
                     const std::string& name, report& out);

/// The part of these checks that needs no secret: whether what stands in front of it can stand in a
/// header.
void check_prefixes(const std::vector<policy::mitm_hook>& hooks, const std::string& name,
                    report& out);

} // namespace proxy::config
