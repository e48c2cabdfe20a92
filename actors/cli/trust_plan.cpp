#include "actors/cli/trust_plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "protocols/ascii.hpp"

namespace proxy::cli {

namespace {

/// What the CA is called in every store.
constexpr const char* entry_name = "codex-network-proxy";
constexpr const char* debian_file = "/usr/local/share/ca-certificates/codex-network-proxy.crt";
constexpr const char* debian_link = "/etc/ssl/certs/codex-network-proxy.pem";
constexpr const char* debian_java_hook = "/etc/ca-certificates/update.d/jks-keystore";
constexpr const char* fedora_file = "/etc/pki/ca-trust/source/anchors/codex-network-proxy.pem";
constexpr const char* system_keychain = "/Library/Keychains/System.keychain";

bool is_in_path(std::string_view program) {
  const auto* path = std::getenv("PATH");
  // Where such programs live even when the user's PATH leaves it out.
  auto folders = std::string{path ? path : ""} + ":/usr/sbin:/sbin";
  for (std::string_view rest = folders; !rest.empty();) {
    auto end = std::min(rest.find(':'), rest.size());
    auto file = std::string{rest.substr(0, end)}.append("/").append(program);
    if (end > 0 && ::access(file.c_str(), X_OK) == 0)
      return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

bool is_plain(char c) {
  return ascii::is_alpha(c) || ascii::is_digit(c) ||
         std::string_view{"-_./:,=@%+"}.find(c) != std::string_view::npos;
}

} // namespace

trust_places find_trust_places() {
  trust_places out;
#ifdef __APPLE__
  out.stores.push_back(trust_store::macos);
#endif
  if (is_in_path("update-ca-certificates"))
    out.stores.push_back(trust_store::debian);
  if (::access(debian_java_hook, X_OK) == 0)
    out.java_hook = debian_java_hook;
  if (is_in_path("update-ca-trust"))
    out.stores.push_back(trust_store::fedora);
  const auto* home = std::getenv("HOME");
  if (home && is_in_path("certutil")) {
    auto database = std::string{home} + "/.pki/nssdb";
    std::error_code none;
    if (std::filesystem::exists(database + "/cert9.db", none))
      out.nss_database = database;
  }
  return out;
}

std::vector<command_line> plan_trust(const trust_places& places, const std::string& certificate) {
  std::vector<command_line> out;
  for (auto store : places.stores)
    switch (store) {
      case trust_store::debian:
        out.push_back({"install", "-D", "-m", "0644", certificate, debian_file});
        // Fresh: it would not tell Java of another certificate under a name that it knows.
        out.push_back({"update-ca-certificates", "--fresh"});
        break;
      case trust_store::fedora:
        out.push_back({"install", "-D", "-m", "0644", certificate, fedora_file});
        out.push_back({"update-ca-trust", "extract"});
        break;
      case trust_store::macos:
        out.push_back({"security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k",
                       system_keychain, certificate});
        break;
    }
  if (!places.nss_database.empty())
    out.push_back({"certutil", "-d", "sql:" + places.nss_database, "-A", "-t", "C,,", "-n",
                   entry_name, "-i", certificate});
  return out;
}

std::vector<command_line> plan_untrust(const trust_places& places, const std::string& certificate) {
  std::vector<command_line> out;
  for (auto store : places.stores)
    switch (store) {
      case trust_store::debian:
        out.push_back({"rm", "-f", debian_file});
        out.push_back({"update-ca-certificates", "--fresh"});
        // It tells Java of what is new, and not of a file that is gone.
        if (!places.java_hook.empty())
          out.push_back(
            {"sh", "-c", std::string{"echo -"} + debian_link + " | " + places.java_hook});
        break;
      case trust_store::fedora:
        out.push_back({"rm", "-f", fedora_file});
        out.push_back({"update-ca-trust", "extract"});
        break;
      case trust_store::macos:
        out.push_back({"security", "remove-trusted-cert", "-d", certificate});
        break;
    }
  if (!places.nss_database.empty())
    out.push_back({"certutil", "-d", "sql:" + places.nss_database, "-D", "-n", entry_name});
  return out;
}

std::string shell_line(const command_line& command) {
  std::string out;
  for (const auto& word : command) {
    if (!out.empty())
      out += ' ';
    if (!word.empty() && std::ranges::all_of(word, is_plain)) {
      out += word;
      continue;
    }
    out += '\'';
    for (auto c : word)
      out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    out += '\'';
  }
  return out;
}

} // namespace proxy::cli
