#include "actors/cli/child/trust_plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "actors/clients/shell.hpp"

namespace proxy::cli {

namespace {

namespace fs = std::filesystem;

/// What the CA is called in every store.
constexpr const char* entry_name = "codex-network-proxy";
constexpr const char* debian_file = "/usr/local/share/ca-certificates/codex-network-proxy.crt";
constexpr const char* debian_link = "/etc/ssl/certs/codex-network-proxy.pem";
constexpr const char* debian_java_hook = "/etc/ca-certificates/update.d/jks-keystore";
constexpr const char* fedora_file = "/etc/pki/ca-trust/source/anchors/codex-network-proxy.pem";
constexpr std::string_view chromium_names[] = {
  "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
  "chrome",   "microsoft-edge",   "brave-browser"};
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

bool has_database(const fs::path& folder) {
  std::error_code unknown;
  return fs::exists(folder / "cert9.db", unknown);
}

/// The databases below a folder of profiles, in the order of their names.
void add_profiles(std::vector<std::string>& to, const fs::path& folder) {
  constexpr size_t most = 64;
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::directory_iterator at{folder, failed}, end; !failed && at != end; at.increment(failed))
    if (found.size() < most && has_database(at->path()))
      found.push_back(at->path().string());
  std::ranges::sort(found);
  std::ranges::move(found, std::back_inserter(to));
}

void find_nss(trust_places& out, const fs::path& home) {
  for (const auto* place :
       {".pki/nssdb", ".local/share/pki/nssdb", "snap/chromium/current/.pki/nssdb"})
    if (has_database(home / place))
      out.nss_databases.push_back((home / place).string());
  auto has_chromium =
    std::ranges::any_of(chromium_names, [](auto name) { return is_in_path(name); });
  // It makes none before it needs one, and then looks in the first place first.
  if (has_chromium && out.nss_databases.empty())
    out.new_nss_database = (home / ".pki/nssdb").string();
  for (const auto* place :
       {".mozilla/firefox", ".config/mozilla/firefox", "snap/firefox/common/.mozilla/firefox"})
    add_profiles(out.nss_databases, home / place);
  if (is_in_path("certutil"))
    return;
  out.lacks_certutil = !out.nss_databases.empty() || !out.new_nss_database.empty();
  out.nss_databases.clear();
  out.new_nss_database.clear();
}

} // namespace

trust_places find_trust_places(const std::string& home) {
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
  if (!home.empty())
    find_nss(out, home);
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
  auto databases = places.nss_databases;
  if (const auto& path = places.new_nss_database; !path.empty()) {
    out.push_back({"install", "-d", "-m", "0700", path});
    out.push_back({"certutil", "-d", "sql:" + path, "-N", "--empty-password"});
    databases.push_back(path);
  }
  for (const auto& path : databases)
    out.push_back(
      {"certutil", "-d", "sql:" + path, "-A", "-t", "C,,", "-n", entry_name, "-i", certificate});
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
  for (const auto& path : places.nss_databases) {
    auto database = "certutil -d " + shell_word("sql:" + path);
    auto name = std::string{" -n "} + entry_name;
    // There is one for each CA that was ever trusted; a name that is not there is a failure to it.
    out.push_back({"sh", "-c",
                   "while " + database + " -L" + name + " >/dev/null 2>&1; do " + database + " -D" +
                     name + " || exit; done"});
  }
  return out;
}

std::string shell_line(const command_line& command) {
  std::string out;
  for (const auto& word : command)
    out += (out.empty() ? "" : " ") + shell_word(word);
  return out;
}

} // namespace proxy::cli
