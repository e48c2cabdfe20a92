#include "actors/cli/child/child_env.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>

#include "actors/cli/child/java_options.hpp"
#include "actors/cli/child/proxy_settings.hpp"
#include "actors/cli/dial.hpp"
#include "actors/cli/shell.hpp"
#include "protocols/ascii.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::cli {

namespace {

/// What a variable is set to.
enum class means : uint8_t {
  proxy,
  direct,
  local_binding,
  yes,
  one,
  bundle,
  own_bundle, ///< Only where the user names one: other versions of the tool refuse to know it.
  added,
  java,
  java_after, ///< Only where what the user has there would overrule it.
  wget,
  curl,
  apt,
  ssh,
  cloud_type,
  cloud_host,
  cloud_port,
  cloud_user,
  cloud_password
};

struct row {
  std::string_view name;
  means value;
};

// Which tool reads which name. Both cases, because curl reads only the lower one of HTTP_PROXY and
// others only the upper one.
constexpr row rows[] = {
  {"CODEX_NETWORK_PROXY_ACTIVE", means::one},
  {"CODEX_NETWORK_ALLOW_LOCAL_BINDING", means::local_binding},
  {"HTTP_PROXY", means::proxy},
  {"http_proxy", means::proxy},
  {"HTTPS_PROXY", means::proxy},
  {"https_proxy", means::proxy},
  // The HTTP proxy, not SOCKS: clients without an extra package fail on a socks5h URL.
  {"ALL_PROXY", means::proxy},
  {"all_proxy", means::proxy},
  {"FTP_PROXY", means::proxy},
  {"ftp_proxy", means::proxy},
  {"WS_PROXY", means::proxy},
  {"ws_proxy", means::proxy},
  {"WSS_PROXY", means::proxy},
  {"wss_proxy", means::proxy},
  {"NO_PROXY", means::direct},
  {"no_proxy", means::direct},
  {"YARN_HTTP_PROXY", means::proxy},
  {"YARN_HTTPS_PROXY", means::proxy},
  {"npm_config_https_proxy", means::proxy},
  {"npm_config_proxy", means::proxy},
  {"npm_config_noproxy", means::direct},
  {"NPM_CONFIG_HTTPS_PROXY", means::proxy},
  {"NPM_CONFIG_PROXY", means::proxy},
  {"NPM_CONFIG_NOPROXY", means::direct},
  {"BUNDLE_HTTP_PROXY", means::proxy},
  {"BUNDLE_HTTPS_PROXY", means::proxy},
  {"BUNDLE_NO_PROXY", means::direct},
  {"PIP_PROXY", means::proxy},
  {"CARGO_HTTP_PROXY", means::proxy},
  {"DOCKER_HTTP_PROXY", means::proxy},
  {"DOCKER_HTTPS_PROXY", means::proxy},
  {"grpc_proxy", means::proxy},
  {"no_grpc_proxy", means::direct},
  {"ELECTRON_GET_USE_PROXY", means::yes},
  {"NODE_USE_ENV_PROXY", means::one},
  {"CLOUDSDK_PROXY_TYPE", means::cloud_type},
  {"CLOUDSDK_PROXY_ADDRESS", means::cloud_host},
  {"CLOUDSDK_PROXY_PORT", means::cloud_port},
  {"CLOUDSDK_PROXY_USERNAME", means::cloud_user},
  {"CLOUDSDK_PROXY_PASSWORD", means::cloud_password},
  {"JAVA_TOOL_OPTIONS", means::java},
  {"JDK_JAVA_OPTIONS", means::java_after},
  {"_JAVA_OPTIONS", means::java_after},
  {"MAVEN_OPTS", means::java_after},
  {"GRADLE_OPTS", means::java_after},
  {"SBT_OPTS", means::java_after},
  {"WGETRC", means::wget},
  {"CURL_HOME", means::curl},
  {"APT_CONFIG", means::apt},
  {"GIT_SSH_COMMAND", means::ssh},
};

// Set where the proxy intercepts. A bundle takes the place of what the tool trusts, so it holds the
// platform's roots and the user's too; where the tool adds to its own, our CA and the user's are
// enough.
constexpr row trust_rows[] = {
  {"SSL_CERT_FILE", means::bundle},
  {"CODEX_CA_CERTIFICATE", means::bundle},
  {"CURL_CA_BUNDLE", means::bundle},
  {"REQUESTS_CA_BUNDLE", means::bundle},
  {"GIT_SSL_CAINFO", means::bundle},
  {"NODE_EXTRA_CA_CERTS", means::added},
  {"npm_config_cafile", means::bundle},
  {"NPM_CONFIG_CAFILE", means::bundle},
  {"YARN_HTTPS_CA_FILE_PATH", means::own_bundle}, // Yarn 4; 2 and 3 end with an error
  {"YARN_CA_FILE_PATH", means::own_bundle},       // Yarn 2 and 3
  {"PIP_CERT", means::bundle},
  {"UV_SYSTEM_CERTS", means::yes}, // SSL_CERT_FILE goes before it
  {"CONDA_SSL_VERIFY", means::bundle},
  {"CARGO_HTTP_CAINFO", means::bundle},
  {"DENO_CERT", means::added},
  {"BUNDLE_SSL_CA_CERT", means::bundle},
  {"PERL_LWP_SSL_CA_FILE", means::bundle},
  {"AWS_CA_BUNDLE", means::bundle},
  {"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", means::bundle},
  {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", means::bundle},
  {"NIX_SSL_CERT_FILE", means::bundle},
  {"HEX_CACERTS_PATH", means::bundle},
  {"HTTPLIB2_CA_CERTS", means::own_bundle},
  {"HTTPS_CA_FILE", means::own_bundle},
};

/// Shortest value that is hidden wherever it stands.
constexpr size_t min_secret = 8;

/// In single quotes, for fish, which knows two escapes inside them.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (auto c : text) {
    if (c == '\'' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '\'';
}

/// What may stand in the user part of a URL, all else escaped (RFC 3986 §2.3).
std::string url_encoded(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (ascii::is_alpha(c) || ascii::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
      out += c;
    else
      ((out += '%') += hex[byte >> 4]) += hex[byte & 15];
  }
  return out;
}

/// The parts of `http://[user:password@]host:port`, as they are written there.
struct url_parts {
  std::string_view user, password, host, port;
};

url_parts parts_of(std::string_view url) {
  url_parts out;
  url.remove_prefix(url.find("//") + 2);
  if (auto at = url.rfind('@'); at != std::string_view::npos) {
    auto colon = std::min(url.find(':'), at);
    out.user = url.substr(0, colon);
    out.password = url.substr(std::min(colon + 1, at), at - std::min(colon + 1, at));
    url.remove_prefix(at + 1);
  }
  auto colon = url.rfind(':');
  out.host = url.substr(0, colon);
  out.port = url.substr(colon + 1);
  return out;
}

/// The user's own ssh command, and nothing where it is one of ours: that is made anew.
bool has_own_ssh(const config::environment& env) {
  auto command = env("GIT_SSH_COMMAND").value_or("");
  return (!command.empty() && !is_ssh_through(command)) || !env("GIT_SSH").value_or("").empty();
}

/// For a `.env` file: its readers agree on single quotes, and where a value has those itself, on
/// double ones.
std::string dotenv_quoted(std::string_view text) {
  if (shell_word(text) == text || text.empty())
    return std::string{text};
  if (text.find('\'') == std::string_view::npos)
    return shell_quoted(text);
  std::string out = "\"";
  for (auto c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '`')
      out += '\\';
    out += c;
  }
  return out + '"';
}

} // namespace

std::vector<variable> child_variables(const std::string& proxy_url,
                                      const config::proxy_config& config, const client_files& files,
                                      const config::environment& env) {
  auto parts = parts_of(proxy_url);
  auto own = [&](const row& r) { return env(std::string{r.name}).value_or(""); };
  auto value_of = [&](const row& r) -> std::optional<std::string> {
    switch (r.value) {
      case means::proxy: return proxy_url;
      case means::direct: return std::string{reached_directly};
      case means::local_binding: return config.allow_local_binding ? "1" : "0";
      case means::yes: return "true";
      case means::one: return "1";
      case means::bundle: return files.bundle;
      case means::own_bundle: return own(r).empty() ? "" : files.bundle;
      case means::added: return files.added;
      case means::java: return java_options(own(r), proxy_url, files.java_store);
      case means::java_after: return without_our_settings(own(r), !files.java_store.empty());
      case means::wget: return files.wget_file;
      case means::curl: return files.curl_home;
      case means::apt: return files.apt_file;
      case means::ssh: return has_own_ssh(env) ? "" : files.ssh_command;
      case means::cloud_type: return "http";
      case means::cloud_host: return std::string{parts.host};
      case means::cloud_port: return std::string{parts.port};
      case means::cloud_user: return url_decoded(parts.user);
      case means::cloud_password: return url_decoded(parts.password);
    }
    return std::nullopt;
  };
  std::vector<variable> out;
  auto add = [&](std::span<const row> some) {
    for (const auto& r : some)
      if (auto value = value_of(r); value && (!value->empty() || r.value == means::java_after))
        out.push_back({std::string{r.name}, std::move(*value)});
  };
  add(rows);
  if (config.mitm.enabled)
    add(trust_rows);
  for (auto& [name, value] : git_variables(files.git_proxy_keys, proxy_url, env))
    out.push_back({std::move(name), std::move(value)});
  return out;
}

std::optional<std::string> url_for_clients(const config::listen_address& listener) {
  auto ip = ip_address::parse(listener.ip);
  if (!ip || listener.port == 0 || !listener.path.empty())
    return std::nullopt;
  if (*ip == ip_address::v4(0))
    ip = ip_address::parse("127.0.0.1");
  else if (*ip == ip_address{})
    ip = ip_address::parse("::1");
  auto text = ip->is_v4() ? ip->str() : '[' + ip->str() + ']';
  return "http://" + text + ':' + std::to_string(listener.port);
}

std::string with_login(std::string url, const config::socks_user& user) {
  constexpr std::string_view scheme = "http://";
  auto login = url_encoded(user.name) + ':' + url_encoded(user.password) + '@';
  return url.insert(scheme.size(), login);
}

const config::socks_user* choose_user(const config::proxy_config& config, std::string_view name) {
  auto usable = [&](const config::socks_user& u) {
    return !u.password.empty() && (name.empty() || u.name == name) &&
           u.name.find(':') == std::string::npos; // no such name in a URL, nor in HTTP
  };
  const auto& users = config.socks_users;
  auto at = std::ranges::find_if(users, usable);
  return at == users.end() ? nullptr : &*at;
}

std::string log_in(std::string& url, const config::proxy_config& config, std::string_view name) {
  if (config.socks_users.empty())
    return name.empty() ? "" : "there are no socks_users";
  const auto* user = choose_user(config, name);
  if (!user)
    return "the proxy asks who its clients are (socks_users), and " +
           (name.empty() ? "no password of theirs" : "the password of " + std::string{name}) +
           " is to be found here";
  url = with_login(std::move(url), *user);
  return {};
}

std::optional<env_format> env_format_named(std::string_view name) noexcept {
  constexpr std::pair<std::string_view, env_format> names[] = {{"sh", env_format::sh},
                                                               {"fish", env_format::fish},
                                                               {"json", env_format::json},
                                                               {"dotenv", env_format::dotenv}};
  for (auto& [text, format] : names)
    if (text == name)
      return format;
  return std::nullopt;
}

std::string format_variables(std::span<const variable> all, env_format format) {
  if (format == env_format::json) {
    auto object = nlohmann::ordered_json::object();
    for (auto& v : all)
      object[v.name] = v.value;
    return object.dump(2) + '\n';
  }
  std::string out;
  for (auto& v : all)
    switch (format) {
      case env_format::sh: out += "export " + v.name + '=' + shell_quoted(v.value) + '\n'; break;
      case env_format::fish: out += "set -gx " + v.name + ' ' + fish_quoted(v.value) + '\n'; break;
      default: out += v.name + '=' + dotenv_quoted(v.value) + '\n'; break;
    }
  return out;
}

hidden_variables hidden_from_clients(const config::proxy_config& config) {
  hidden_variables out{config.secret_variables, {}};
  out.names.emplace_back("CODEX_PROXY_ADMIN");
  // Says whose the connections of this process are: not those of its child.
  out.names.emplace_back("CODEX_NETWORK_PROXY_ATTRIBUTION");
  // Of the proxy that ours takes the place of.
  out.names.emplace_back("CLOUDSDK_PROXY_USERNAME");
  out.names.emplace_back("CLOUDSDK_PROXY_PASSWORD");
  auto add_value = [&](std::string_view value) {
    // A shorter one stands in too many places by chance.
    if (value.size() >= min_secret)
      out.values.emplace_back(value);
  };
  for (const auto& name : config.secret_variables)
    if (const auto* value = std::getenv(name.c_str()))
      add_value(value);
  add_value(config.admin_token);
  for (const auto& user : config.socks_users)
    add_value(user.password);
  for (const auto& hook : config.mitm_hooks)
    for (const auto& injection : hook.inject_request_headers)
      if (std::string_view value{injection.value.reveal()}; value.starts_with(injection.prefix))
        add_value(value.substr(injection.prefix.size()));
  return out;
}

bool hidden_variables::contain(std::string_view line) const noexcept {
  auto equals = std::min(line.find('='), line.size());
  auto name = line.substr(0, equals);
  auto value = line.substr(std::min(equals + 1, line.size()));
  constexpr std::string_view suffix = "_proxy";
  auto proxy = name.size() >= suffix.size() && value.find('@') != std::string_view::npos &&
               ascii::equals_ignoring_case(name.substr(name.size() - suffix.size()), suffix);
  return proxy || std::ranges::find(names, name) != names.end() ||
         std::ranges::find(values, value) != values.end();
}

void wipe_environment(const hidden_variables& hidden) noexcept {
  for (auto** entry = environ; entry && *entry; ++entry)
    if (hidden.contain(*entry))
      if (auto* value = std::strchr(*entry, '='))
        OPENSSL_cleanse(value + 1, std::strlen(value + 1));
}

std::vector<std::string> merged_environment(const char* const* inherited,
                                            std::span<const variable> ours,
                                            const hidden_variables& hidden) {
  std::vector<std::string> out;
  for (; *inherited; ++inherited) {
    std::string_view line{*inherited};
    auto name = line.substr(0, line.find('='));
    if (!hidden.contain(line) &&
        std::none_of(ours.begin(), ours.end(), [&](auto& v) { return v.name == name; }))
      out.emplace_back(line);
  }
  for (auto& v : ours)
    out.push_back(v.name + '=' + v.value);
  return out;
}

} // namespace proxy::cli
