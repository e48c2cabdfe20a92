#pragma once

#include <caf/expected.hpp>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "protocols/error.hpp"

namespace proxy::tls {

/// Where the CA is kept.
struct ca_paths {
  std::string certificate; ///< PEM, 0644.
  std::string key;         ///< PEM, 0600.
};

/// The content of both files. The key is wiped from memory at the end.
struct ca_pem {
  std::string certificate;
  std::string key;

  ca_pem() = default;
  ca_pem(ca_pem&&) noexcept = default;
  ca_pem& operator=(ca_pem&&) noexcept = default;
  ~ca_pem();
};

/// Held while the files are written, when there may be half a pair, and by whoever is about to end
/// the process at once. Holds back signals to end, too, where the thread that writes would get
/// them. Waits up to 5 s for who has it, and then goes on without.
class ca_files_hold {
public:
  ca_files_hold();
  ~ca_files_hold();
  ca_files_hold(const ca_files_hold&) = delete;
  ca_files_hold& operator=(const ca_files_hold&) = delete;

private:
  sigset_t before_;
  std::unique_lock<std::timed_mutex> held_;
};

/// Most bytes that either file may have.
inline constexpr size_t max_ca_file_bytes = 64 * 1024;

/// Reads both files; `nullopt` when there is neither.
/// @returns errc::invalid_config when only one exists, when either is no regular file, a symlink or
///          too large, or when the key is open to group or others or belongs to somebody else.
[[nodiscard]] caf::expected<std::optional<ca_pem>> read_ca_files(const ca_paths& paths);

/// Runs `make` and stores what it made, unless both files exist: then reads them. Of several
/// processes that do this at once one stores and all return what it stored. Nothing that exists is
/// ever overwritten; the directory is made, 0700, when there is none.
/// @returns what `read_ca_files` and `make` return, errc::system when the files cannot be written.
[[nodiscard]] caf::expected<ca_pem>
read_or_store_ca_files(const ca_paths& paths, const std::function<caf::expected<ca_pem>()>& make);

} // namespace proxy::tls
