#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "tests/support/test.hpp"

namespace proxy::config::test {

/// A folder that ends with the test. It is `$CODEX_HOME`, and holds the managed file as well.
class folder {
public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "proxy-config-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      CAF_FAIL("no temporary folder");
    path_ = name;
  }

  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  /// Writes a file; returns its path.
  std::string write(const std::string& name, std::string_view text) const {
    auto path = at(name);
    std::ofstream{path, std::ios::binary} << text;
    return path;
  }

  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

  /// Sources that see nothing of this machine.
  [[nodiscard]] sources from(std::map<std::string, std::string> env = {}) const {
    sources result;
    result.managed_file = at("managed.toml");
    result.codex_home = path_;
    result.getenv = [env = std::move(env)](const std::string& name) -> std::optional<std::string> {
      auto found = env.find(name);
      return found == env.end() ? std::nullopt : std::optional{found->second};
    };
    return result;
  }

private:
  std::string path_;
};

/// Loads one user file.
inline loaded load_text(std::string_view text, const std::vector<std::string>& sets = {}) {
  folder home;
  home.write("config.toml", text);
  auto from = home.from();
  from.sets = sets;
  auto result = load(from);
  for (auto& p : result.problems) {
    if (p.file.ends_with("/config.toml"))
      p.file = "config.toml";
  }
  return result;
}

/// `[permissions.dev.network]` with these lines, selected.
inline std::string newer(const std::string& lines) {
  return "default_permissions = \"dev\"\n[permissions.dev.network]\n" + lines;
}

/// All problems, one per line.
inline std::string told(const loaded& result) {
  std::string lines;
  for (const auto& p : result.problems)
    lines += p.str() + "\n";
  return lines;
}

/// The configuration, which must have loaded.
inline proxy_config config_of(loaded result) {
  if (!result.config)
    CAF_FAIL("not loaded: " << told(result));
  return std::move(*result.config);
}

inline std::vector<std::string> texts(const std::vector<policy::placed_text>& rules) {
  std::vector<std::string> result;
  for (const auto& r : rules)
    result.push_back(r.text);
  return result;
}

using strings = std::vector<std::string>;

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace proxy::config::test
