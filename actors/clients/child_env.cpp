#include "actors/clients/child_env.hpp"

#include <algorithm>
#include <span>

#include "actors/clients/client_url.hpp"
#include "actors/clients/java_options.hpp"
#include "actors/clients/proxy_settings.hpp"

namespace proxy {

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

} // namespace proxy
