#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>

#include "protocols/host.hpp"
#include "tests/support/test.hpp"
#include "tls/authority.hpp"
#include "tls/openssl.hpp"

namespace proxy::test {

using namespace std::chrono_literals;

/// A folder of the test's own that goes away with it.
struct temp_folder {
  temp_folder() {
    auto name = (std::filesystem::temp_directory_path() / "tls_test.XXXXXX").string();
    path = ::mkdtemp(name.data()) ? name : "";
  }
  ~temp_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }

  std::string path;
};

inline std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

inline void write(const std::string& path, const std::string& content, mode_t mode = 0600) {
  std::filesystem::remove(path);
  std::ofstream{path, std::ios::binary} << content;
  ::chmod(path.c_str(), mode);
}

inline unsigned mode_of(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
}

inline host parsed(std::string_view text) { return unbox(host::parse(text)); }

inline tls::time_point now() { return std::chrono::system_clock::now(); }

/// What went wrong, or "" when nothing did.
template <class T>
std::string words_of(const caf::expected<T>& result) {
  return result ? "" : context_of(result.error());
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace proxy::test
