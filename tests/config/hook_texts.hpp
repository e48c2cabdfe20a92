#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tests/config/support.hpp"

/// Hooks as users write them.

namespace proxy::config::test {

/// What matches every GET.
inline constexpr const char* match = "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n";

/// One hook with these lines behind its header, in the newer layout with interception on.
inline std::string hook(const std::string& lines) {
  return newer("mitm = true\n[[permissions.dev.network.mitm_hooks]]\n" + lines);
}

/// The same for api.test and its actions.
inline std::string injecting(const std::string& injection) {
  return hook("host = \"api.test\"\n" + std::string{match} +
              "actions = {inject_request_headers = [" + injection + "]}\n");
}

/// Loads one user file of a folder that may hold more.
inline loaded load_in(const folder& home, std::string_view text,
                      std::map<std::string, std::string> env = {}) {
  home.write("config.toml", text);
  return load(home.from(std::move(env)));
}

} // namespace proxy::config::test
