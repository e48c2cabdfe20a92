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
  std::string java_hook; ///< Debian's program that keeps Java's store, "" for none.
  /// The user's NSS databases, which certutil(1) changes: Chromium's, and one for each profile of
  /// Firefox. None of these programs asks the system's store.
  std::vector<std::string> nss_databases{};
  /// Where Chromium looks for one although there is none yet; "" when it need not be made.
  std::string new_nss_database{};
  /// There are such databases, or browsers, and no certutil.
  bool lacks_certutil = false;
};

/// Looks around: which programs are there, and what the user has.
/// @param home  The user's; "" for none.
[[nodiscard]] trust_places find_trust_places(const std::string& home);

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
