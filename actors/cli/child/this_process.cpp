#include "actors/cli/child/this_process.hpp"

#include <unistd.h>

#include <cstring>
#include <openssl/crypto.h>
#include <string_view>

#include "actors/cli/platform.hpp"

extern "C" char** environ; // POSIX leaves it to programs to declare it

namespace proxy::cli {

std::map<std::string, std::string> own_variables() {
  std::map<std::string, std::string> out;
  for (auto** entry = environ; entry && *entry; ++entry) {
    std::string_view line{*entry};
    if (auto equals = line.find('='); equals != 0 && equals != std::string_view::npos)
      out.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

std::vector<std::string> lines_of(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> out;
  out.reserve(variables.size());
  for (const auto& [name, value] : variables)
    out.push_back(name + '=' + value);
  return out;
}

void wipe_environment(const hidden_variables& hidden) noexcept {
  for (auto** entry = environ; entry && *entry; ++entry)
    if (hidden.contain(*entry))
      if (auto* value = std::strchr(*entry, '='))
        OPENSSL_cleanse(value + 1, std::strlen(value + 1));
}

std::string own_program() {
  auto path = platform::own_program();
  // After an upgrade the old file may be gone.
  return ::access(path.c_str(), X_OK) == 0 ? path : "";
}

} // namespace proxy::cli
