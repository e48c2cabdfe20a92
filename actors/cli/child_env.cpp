#include "actors/cli/child_env.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocols/ip_address.hpp"

namespace proxy::cli {

namespace {

/// What a variable is set to.
enum class means : uint8_t { proxy, direct, local_binding, yes, one };

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
  {"npm_config_http_proxy", means::proxy},
  {"npm_config_https_proxy", means::proxy},
  {"npm_config_proxy", means::proxy},
  {"npm_config_noproxy", means::direct},
  {"NPM_CONFIG_HTTP_PROXY", means::proxy},
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
  {"ELECTRON_GET_USE_PROXY", means::yes},
  {"NODE_USE_ENV_PROXY", means::one},
};

/// Only forms that all implementations read alike; more would let traffic past the policy.
constexpr std::string_view reached_directly = "localhost,127.0.0.1,::1";

/// In single quotes, for a POSIX shell.
std::string sh_quoted(std::string_view text) {
  std::string out = "'";
  for (auto c : text)
    out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + '\'';
}

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

} // namespace

std::vector<variable> child_variables(const std::string& proxy_url, bool allow_local_binding) {
  std::vector<variable> out;
  for (auto& r : rows) {
    std::string value;
    switch (r.value) {
      case means::proxy: value = proxy_url; break;
      case means::direct: value = reached_directly; break;
      case means::local_binding: value = allow_local_binding ? "1" : "0"; break;
      case means::yes: value = "true"; break;
      case means::one: value = "1"; break;
    }
    out.push_back({std::string{r.name}, std::move(value)});
  }
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
      case env_format::sh: out += "export " + v.name + '=' + sh_quoted(v.value) + '\n'; break;
      case env_format::fish: out += "set -gx " + v.name + ' ' + fish_quoted(v.value) + '\n'; break;
      default:
        out += v.name + '=' + v.value + '\n';
        break; // readers differ on quotes; our values need none
    }
  return out;
}

std::vector<std::string> merged_environment(const char* const* inherited,
                                            std::span<const variable> ours) {
  std::vector<std::string> out;
  for (; *inherited; ++inherited) {
    std::string_view line{*inherited};
    auto name = line.substr(0, line.find('='));
    if (std::none_of(ours.begin(), ours.end(), [&](auto& v) { return v.name == name; }))
      out.emplace_back(line);
  }
  for (auto& v : ours)
    out.push_back(v.name + '=' + v.value);
  return out;
}

} // namespace proxy::cli
