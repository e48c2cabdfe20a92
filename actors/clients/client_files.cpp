#include "actors/clients/client_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "actors/clients/java_options.hpp"
#include "actors/clients/program.hpp"
#include "actors/clients/proxy_settings.hpp"
#include "actors/clients/shell.hpp"
#include "actors/control/policy/trust_files.hpp"
#include "protocols/ascii.hpp"
#include "tls/files.hpp"

namespace proxy {

namespace {

namespace fs = std::filesystem;

constexpr mode_t for_readers = 0644;
constexpr mode_t for_owner = 0600;
constexpr size_t max_settings_bytes = 256 * 1024;
constexpr std::chrono::seconds git_deadline{2};
/// Where root's clients that have given up root's rights find what is below no home.
constexpr const char* public_folder = "/run/codex-network-proxy";
const std::string wget_line = "\nca_certificate = ";
constexpr std::string_view ssh_start = "ssh -o ";
constexpr std::string_view ssh_end = " connect %h %p'";

std::string value(const config::environment& env, const char* name) {
  return env(name).value_or("");
}

/// Where the files of `make_client_files` are.
std::string folder_of_ours(const config::proxy_config& config) {
  return config.codex_home + "/proxy/";
}

/// What git's configuration says here, in this folder.
git_settings ask_git(const config::environment& env) {
  std::vector<std::string> environment;
  for (const auto* name :
       {"PATH", "HOME", "XDG_CONFIG_HOME", "GIT_DIR", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"})
    if (auto text = env(name))
      environment.push_back(name + std::string{"="} + *text);
  constexpr int most_pairs = 64;
  for (int n = 0; n < most_pairs; ++n)
    for (const auto* part : {"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"}) {
      auto name = part + std::to_string(n);
      if (auto text = env(name))
        environment.push_back(name + '=' + *text);
    }
  std::string told;
  if (run_quietly({"git", "config", "-z", "--get-regexp", git_keys}, environment, git_deadline,
                  &told) != 0)
    return {};
  return read_git_settings(told);
}

/// Whether everybody may go down to a file and read it.
bool is_public(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || (found.st_mode & S_IROTH) == 0)
    return false;
  for (auto folder = fs::path{path}.parent_path();; folder = folder.parent_path()) {
    if (::stat(folder.c_str(), &found) != 0 || (found.st_mode & S_IXOTH) == 0)
      return false;
    if (folder == folder.root_path())
      return true;
  }
}

/// The bundle where apt's methods can read it: started by root, they run as a user of their own.
std::string public_bundle(const std::string& bundle, std::string_view proxy_url,
                          std::vector<std::string>& notes) {
  if (bundle.empty() || ::geteuid() != 0 || is_public(bundle))
    return bundle;
  auto content = tls::read_file(bundle, "the trust bundle", {size_t{128} << 20});
  if (!content || !*content)
    return bundle;
  std::error_code failed;
  fs::create_directories(public_folder, failed);
  ::chmod(public_folder, 0755);
  // Each proxy has a copy of its own, which goes with it.
  auto address = proxy_url.substr(
    std::max(proxy_url.rfind('/'),
             proxy_url.find('@') == std::string_view::npos ? 0 : proxy_url.rfind('@')) +
    1);
  auto copy =
    tls::write_client_file(std::string{public_folder} + "/ca-bundle.pem", "ca-bundle", "pem",
                           "# " + std::string{address} + '\n' + **content, for_readers);
  if (copy)
    return *copy;
  notes.push_back("apt may be unable to read " + bundle + ": " + context_of(copy.error()));
  return bundle;
}

/// A settings file; "" when there is none that can be read.
std::string settings_in(const std::string& path) {
  auto content = tls::read_file(path, "settings", {max_settings_bytes, false, true});
  return content && *content ? **content : "";
}

/// A tool's settings, which a file of ours takes the place of.
struct own_settings {
  std::string text;
  bool exists = false; ///< Perhaps too large to be read.
};

/// The user's settings for Wget.
/// @param config  Where it intercepts, it has a CA to name instead of that of a proxy around it.
own_settings own_wgetrc(const config::environment& env, const config::proxy_config& config) {
  auto path = value(env, "WGETRC");
  if (path.empty())
    if (auto home = config::user_home(env); !home.empty())
      path = home + "/.wgetrc";
  if (path.empty())
    return {};
  own_settings out{settings_in(path), tls::exists(path)};
  auto folder = folder_of_ours(config);
  // A file of ours is the user's with a line behind it, or that line alone.
  if (auto line = out.text.rfind(wget_line + folder);
      config.mitm.enabled && path.starts_with(folder) && line != std::string::npos)
    out.text.erase(line);
  return out;
}

/// Whether Wget's settings for the whole system, which it reads first, speak of proxies.
bool has_system_wget_proxies(const config::environment& env) {
  for (const auto& path : {value(env, "SYSTEM_WGETRC"), std::string{"/etc/wgetrc"},
                           std::string{"/usr/local/etc/wgetrc"}})
    if (auto settings = path.empty() ? "" : settings_in(path); !settings.empty())
      return without_wget_proxies(settings) != settings;
  return false;
}

/// The user's settings for curl: the first that it finds.
own_settings own_curlrc(const config::environment& env) {
  auto home = config::user_home(env);
  std::pair<std::string, const char*> places[] = {
    {value(env, "CURL_HOME"), "/.curlrc"},
    {value(env, "XDG_CONFIG_HOME"), "/.curlrc"},
    {value(env, "XDG_CONFIG_HOME"), "/curlrc"},
    {home, "/.curlrc"},
    {home, "/.config/curlrc"},
  };
  for (const auto& [folder, name] : places)
    if (!folder.empty() && tls::exists(folder + name))
      return {settings_in(folder + name), true};
  return {};
}

/// The user's configuration file of apt, also where a file of ours has taken its place.
std::string own_apt_file(const config::environment& env, const std::string& folder) {
  auto path = value(env, "APT_CONFIG");
  if (!path.starts_with(folder))
    return path;
  auto settings = settings_in(path);
  std::string_view start = "#include \"";
  if (!settings.starts_with(start))
    return {};
  settings.erase(0, start.size());
  return settings.substr(0, settings.find('"'));
}

/// What these settings say Wget trusts; "" when they do not say.
std::string trusted_by_wget(std::string_view settings) {
  std::string out;
  while (!settings.empty()) {
    auto line = settings.substr(0, settings.find('\n'));
    settings.remove_prefix(std::min(line.size() + 1, settings.size()));
    if (wget_name(line) != "cacertificate")
      continue;
    auto from = line.find_first_not_of(" \t", line.find('=') + 1);
    if (from != std::string_view::npos)
      out = line.substr(from, line.find_last_not_of(" \t\r") + 1 - from);
  }
  return out;
}

/// Keeps Wget to the proxy, and to the CA: its settings go before its variables.
void add_wget(client_files& files, const config::proxy_config& config, const own_settings& own,
              const std::string& proxy_url, const config::environment& env,
              std::vector<std::string>& notes) {
  auto settings = without_wget_proxies(own.text);
  auto leads_past = settings != own.text || (own.exists && own.text.empty());
  if (has_system_wget_proxies(env)) {
    if (!settings.empty() && !settings.ends_with('\n'))
      settings += '\n';
    settings += wget_proxies(proxy_url);
    leads_past = true;
  }
  if (config.mitm.enabled ? settings.empty() : !leads_past)
    return;
  if (config.mitm.enabled)
    settings += wget_line + files.bundle + '\n';
  // It may hold passwords.
  auto made = tls::write_client_file(config.codex_home + "/proxy/wgetrc", "wgetrc", "conf",
                                     settings, for_owner);
  files.wget_file = made ? *made : "";
  if (!made)
    notes.push_back("Wget does not learn of the CA, and its settings may name another proxy: " +
                    context_of(made.error()));
  else if (settings.find(proxy_url) != std::string::npos)
    files.of_this_proxy.push_back(*made);
}

/// Keeps curl to the proxy where the user has settings that may name another.
void add_curl(client_files& files, const config::proxy_config& config, const std::string& proxy_url,
              const config::environment& env, std::vector<std::string>& notes) {
  auto own = own_curlrc(env);
  if (!own.exists)
    return;
  auto made = tls::write_client_folder(config.codex_home + "/proxy/curl", "curl", ".curlrc",
                                       curl_settings(own.text, proxy_url), for_owner);
  if (!made) {
    notes.push_back("curl's settings may name another proxy: " + context_of(made.error()));
    return;
  }
  files.curl_home = *made;
  files.of_this_proxy.push_back(*made + "/.curlrc");
  files.of_this_proxy.push_back(*made);
}

/// Finds or makes what clients trust. The usual files stay named where there is no CA yet: the
/// daemon makes them when it starts.
void add_trust(client_files& files, const config::proxy_config& config,
               const config::environment& env, std::string_view wgetrc,
               std::vector<std::string>& notes) {
  auto certificate = ca_paths_of(config).certificate;
  auto ca = tls::read_file(certificate, "managed MITM CA cert", {tls::max_ca_file_bytes});
  if (files.bundle.empty() || !ca || !*ca)
    return;
  config::sources named_by;
  named_by.getenv = env;
  auto from = tls::bundle_sources{tls::usual_roots(), value(env, "SSL_CERT_FILE"),
                                  value(env, "SSL_CERT_DIR")};
  from.named = named_trust(named_by);
  if (auto path = trusted_by_wget(wgetrc); !path.empty())
    from.named.push_back({"Wget's ca_certificate", path, std::nullopt});
  for (const auto* name :
       {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "MAVEN_OPTS", "GRADLE_OPTS"})
    if (auto java = java_trust_in(value(env, name)))
      from.named.push_back({std::string{"the trust store in "} + name, java->path, java->password});
  auto usual = bundle_paths_of(config);
  auto made = tls::write_user_bundle(usual, from, **ca);
  if (!made) {
    notes.push_back("what this environment trusts is left out: " + context_of(made.error()));
    return;
  }
  std::ranges::move(made->report.notes, std::back_inserter(notes));
  files.bundle = made->paths.pem;
  files.java_store = made->paths.java_store;
  files.wget_file = made->paths.wget_file;
  if (made->paths.pem != usual.pem)
    files.added = made->paths.pem;
}

} // namespace

client_files usual_client_files(const config::proxy_config& config) {
  if (!config.mitm.enabled)
    return {};
  auto paths = bundle_paths_of(config);
  return {paths.pem, ca_paths_of(config).certificate, paths.java_store, paths.wget_file};
}

client_files make_client_files(const config::proxy_config& config, const std::string& proxy_url,
                               const config::environment& env, const std::string& program,
                               std::vector<std::string>& notes) {
  auto files = usual_client_files(config);
  auto wgetrc = own_wgetrc(env, config);
  if (config.mitm.enabled)
    add_trust(files, config, env, wgetrc.text, notes);
  auto git = ask_git(env);
  files.git_proxy_keys = std::move(git.proxy_keys);
  if (!program.empty() && !git.has_ssh)
    files.ssh_command = ssh_through(program);
  if (config.codex_home.empty())
    return files;
  add_wget(files, config, wgetrc, proxy_url, env, notes);
  add_curl(files, config, proxy_url, env, notes);
  files.apt_bundle = public_bundle(files.bundle, proxy_url, notes);
  auto settings =
    apt_settings(proxy_url, files.apt_bundle, own_apt_file(env, folder_of_ours(config)));
  auto made = tls::write_client_file(config.codex_home + "/proxy/apt.conf", "apt", "conf", settings,
                                     for_readers);
  if (made)
    files.apt_file = *made;
  else
    notes.push_back("apt is not told of the proxy: " + context_of(made.error()));
  return files;
}

void remove_client_files(const client_files& files) noexcept {
  if (!files.apt_file.empty())
    ::unlink(files.apt_file.c_str());
  if (files.apt_bundle != files.bundle)
    ::unlink(files.apt_bundle.c_str());
  for (const auto& path : files.of_this_proxy)
    std::remove(path.c_str()); // files, and behind its files a folder
}

std::string apt_settings(const std::string& proxy_url, const std::string& bundle,
                         const std::string& included) {
  std::string out;
  auto line = [&](std::string_view what, std::string_view text) {
    // Its language knows no way to write a quote in quotes.
    if (!text.empty() && text.find_first_of("\"\n") == std::string_view::npos)
      (((out += what) += " \"") += text) += "\";\n";
  };
  line("#include", included);
  // A login stands in http_proxy, which apt reads as well, and in no file.
  if (proxy_url.find('@') == std::string::npos) {
    line("Acquire::http::Proxy", proxy_url);
    line("Acquire::https::Proxy", proxy_url);
  }
  line("Acquire::https::CaInfo", bundle);
  return out;
}

std::string ssh_through(const std::string& program) {
  auto command = shell_word(program);
  // ssh replaces %h and the like before a shell sees the command.
  for (size_t at = 0; (at = command.find('%', at)) != std::string::npos; at += 2)
    command.insert(at, "%");
  std::string out{ssh_start};
  out += shell_quoted("ProxyCommand=" + command + " connect %h %p");
  return out;
}

bool is_ssh_through(std::string_view command) noexcept {
  return command.starts_with(ssh_start) && command.ends_with(ssh_end);
}

} // namespace proxy
