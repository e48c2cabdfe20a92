#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/layer.hpp"
#include "config/proxy_config.hpp"
#include "config/report.hpp"

namespace proxy::config {

enum class permission : uint8_t {
  none,
  allow,
  deny
}; ///< In the order of precedence within one layer.

/// An entry of `domains` or `unix_sockets`.
struct map_entry {
  policy::placed_text where; ///< The key as written.
  permission says = permission::none;
  size_t layer = 0;
};
using entry_map = std::map<std::string, map_entry>; ///< By normalised pattern or path.

/// What the layers read so far amount to.
struct settings {
  proxy_config config; ///< Lists hold the list keys only until `merge_maps`.
  std::map<std::string_view, place>
    set_at; ///< Newer-layout names of the keys that were set, and where.
  entry_map domains;
  entry_map unix_sockets;
  std::vector<policy::placed_text> socket_list; ///< `allow_unix_sockets` with positions.
  size_t layers = 0;                            ///< Read so far.

  [[nodiscard]] bool has(std::string_view key) const { return set_at.contains(key); }
  /// Where a key was set; nowhere when it is at its default.
  [[nodiscard]] place where(std::string_view key) const;
  /// Of the managed layer: whether it has an allow list that no user's may leave.
  [[nodiscard]] bool bounds_allowed() const;
};

/// Reads our tables of one layer over what `into` holds: lists and single values replace, maps
/// merge.
/// @param profile  The selected profile; "" for the older layout.
void read_layer(const layer& from, const std::string& profile, settings& into, report& out);

/// Adds what the maps say to the lists; deny beats allow.
void merge_maps(settings& into);

/// A path without `.`, `..` and doubled slashes, as far as its text tells.
[[nodiscard]] std::string normal_path(std::string_view path);

/// Where the settings stand that refusals name.
/// @param home  `$CODEX_HOME`: what is set nowhere belongs in its configuration.
[[nodiscard]] policy::text_places find_places(const settings& managed, const settings& effective,
                                              const std::vector<layer>& layers,
                                              const std::string& profile, const std::string& home);

/// Checks what the user's layers made of the managed ones (SPEC: may only be narrowed).
void check_narrowing(const settings& managed, const settings& effective, const std::string& profile,
                     report& out);

/// Adds the patterns of run time to the lists, as far as the managed layer permits
/// (`sources::added`, `sources::adds`).
void add_patterns(const sources& from, const settings& managed, const std::string& profile,
                  settings& effective, report& out);

} // namespace proxy::config
