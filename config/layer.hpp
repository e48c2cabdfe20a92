#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/report.hpp"
#include "config/toml.hpp"

namespace proxy::config {

/// One source of configuration, parsed and not yet understood.
struct layer {
  enum class kind : uint8_t { managed, file, flag };
  kind from = kind::file;
  std::string file;      ///< Its path; "--set" for flags.
  std::string directory; ///< Where its relative paths start; "" for flags.
  toml::table root;

  /// Where a node or key of `root` stands.
  [[nodiscard]] place at(const toml::source_region& region) const;
};

/// Largest file that is read.
inline constexpr size_t max_file_bytes = 16 * 1024 * 1024;

/// What a file holds, or why not.
struct file_text {
  std::string text;
  std::string failure;  ///< errno text, or "larger than …".
  bool missing = false; ///< The failure is that it does not exist.
};

/// Reads a whole file of at most `most` bytes.
/// @param patience  How long whoever writes it may take, where it is a pipe.
[[nodiscard]] file_text read_file(const std::string& path, size_t most,
                                  std::chrono::milliseconds patience = std::chrono::seconds{30});

/// Reads and parses the files and `--set` flags, lowest layer first. Only the user's and the
/// managed file may be missing. Relative `--set` keys stay relative until `place_sets`.
[[nodiscard]] std::vector<layer> read_layers(const sources& from, const std::string& codex_home,
                                             report& out);

/// The `default_permissions` of the highest layer that sets it, "" for the older layout.
[[nodiscard]] std::string select_profile(const std::vector<layer>& layers, report& out);

/// Reports a selected profile that no layer defines.
void check_profile(const std::vector<layer>& layers, const std::string& profile, report& out);

/// Puts relative `--set` keys where they belong now that the layout is known.
void place_sets(std::vector<layer>& layers, const std::string& profile);

/// The node at a path of names; nullptr when there is none.
[[nodiscard]] const toml::node* find_node(const layer& in,
                                          std::initializer_list<std::string_view> path);

/// The environment variables that our tables name as sources of secrets, whether or not another
/// layer or profile is what counts. Sorted, each once.
[[nodiscard]] std::vector<std::string> name_secret_variables(const std::vector<layer>& layers);

} // namespace proxy::config
