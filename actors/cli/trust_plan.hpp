#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace proxy::cli {

/// Who keeps the certificates that a system trusts.
enum class trust_store : uint8_t {
  debian, ///< update-ca-certificates(8): Debian and what descends from it.
  fedora, ///< update-ca-trust(8): Fedora, RHEL, Arch.
  macos,  ///< The system keychain.
};

/// What a machine has.
struct trust_places {
  std::vector<trust_store> stores;
  std::string nss_database; ///< Of the user (Chromium, Firefox packages), "" for none.
  std::string java_hook;    ///< Debian's program that keeps Java's store, "" for none.
};

/// Looks around: which programs are there, and whether the user has an NSS database and certutil.
[[nodiscard]] trust_places find_trust_places();

/// A command and its arguments.
using command_line = std::vector<std::string>;

/// The commands that make these places trust a CA, or no longer trust it, in order. Running them
/// twice does no harm.
/// @param certificate  PEM file of the CA, an absolute path.
[[nodiscard]] std::vector<command_line> plan_trust(const trust_places& places,
                                                   const std::string& certificate);
[[nodiscard]] std::vector<command_line> plan_untrust(const trust_places& places,
                                                     const std::string& certificate);

/// A command as a POSIX shell takes it.
[[nodiscard]] std::string shell_line(const command_line& command);

} // namespace proxy::cli
