#include "actors/control/policy/file_source.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "actors/control/policy/trust_files.hpp"
#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/sockaddr.hpp"
#include "tls/files.hpp"

namespace proxy {

namespace {

/// @param known  One that is read anyway.
std::vector<std::string> paths_of(const std::vector<tls::named_trust>& named,
                                  const std::string& known) {
  std::vector<std::string> out;
  for (const auto& each : named) // many tools, often one file
    if (each.path != known && std::find(out.begin(), out.end(), each.path) == out.end())
      out.push_back(each.path);
  return out;
}

policy::proxy_environment proxy_variables(const config::sources& from) {
  policy::proxy_environment env;
  auto read = [&](std::initializer_list<const char*> names, auto& into) {
    for (const auto* name : names)
      into.push_back({name, environment(from, name)});
  };
  read({"HTTPS_PROXY", "https_proxy"}, env.https);
  read({"HTTP_PROXY", "http_proxy"}, env.http);
  read({"ALL_PROXY", "all_proxy"}, env.all);
  env.no_proxy = environment(from, "NO_PROXY");
  if (env.no_proxy.empty())
    env.no_proxy = environment(from, "no_proxy");
  env.cgi = !environment(from, "REQUEST_METHOD").empty();
  return env;
}

bool has_credentials(const policy::proxy_environment& env) {
  auto has_them = [](const auto& v) { return v.value.find('@') != std::string::npos; };
  return std::ranges::any_of(env.https, has_them) || std::ranges::any_of(env.http, has_them) ||
         std::ranges::any_of(env.all, has_them);
}

/// The CA that vouches for intercepted hosts; null with a problem when there is none, null alone
/// when there need not be one.
tls::authority_ptr find_ca(const config::proxy_config& config, missing_ca missing,
                           std::vector<config::problem>& problems) {
  if (!config.mitm.enabled || missing == missing_ca::unread)
    return nullptr;
  auto now = this_machine().clock.wall();
  auto paths = ca_paths_of(config);
  if (missing == missing_ca::ignore) {
    auto stored = tls::read_ca_files(paths);
    if (stored && !*stored)
      return nullptr;
  }
  auto found = missing == missing_ca::make ? tls::authority::load_or_make(paths, now)
                                           : tls::authority::load(paths, now);
  if (found)
    return std::move(*found);
  auto problem = problem_of("mitm", context_of(found.error()));
  if (code_of(found.error()) == errc::system) // it cannot be written there
    problem.hint = "CODEX_HOME says where the CA is kept";
  problems.push_back(std::move(problem));
  return nullptr;
}

/// The certificates for upstreams that ask for one, with a problem for each that cannot be used.
std::vector<tls::client_identity_ptr> load_identities(const config::proxy_config& config,
                                                      const config::sources& from,
                                                      std::vector<config::problem>& problems) {
  std::vector<tls::client_identity_ptr> out;
  const auto& all = config.client_certificates;
  if (all.empty() || from.secrets != config::secrets_wanted::all)
    return out;
  if (from.before_secrets)
    from.before_secrets();
  for (const auto& one : all) {
    auto told = [&](std::string message) -> config::problem& {
      auto p = problem_of(one.where.text, std::move(message));
      p.file = one.where.file;
      p.line = one.where.line;
      p.column = one.where.column;
      return problems.emplace_back(std::move(p));
    };
    auto identity = tls::client_identity::load(one.cert, one.key);
    if (!identity) {
      told(context_of(identity.error()));
      continue;
    }
    if (auto when = (*identity)->expired_by(this_machine().clock.wall()); !when.empty())
      told("the client certificate " + one.cert + " expired on " + when).level =
        config::problem::severity::warning;
    out.push_back(std::move(*identity));
  }
  return out;
}

/// @returns 0 when a file could be appended to, made where there is none; else errno.
int cannot_append(const std::string& path) {
  // Not blocking: a FIFO without a reader must not hold whoever asks up.
  auto fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd >= 0)
    return ::close(fd);
  if (errno != ENOENT)
    return errno;
  // (Also a link that leads nowhere: opening tells, once the policy is in force.)
  auto slash = path.rfind('/');
  auto folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

surroundings look_around(const config::proxy_config& config, const config::sources& from,
                         missing_ca missing, std::vector<config::problem>& problems,
                         const tls::platform_roots& platform) {
  surroundings out;
  out.platform = platform;
  if (config.allow_upstream_proxy)
    out.proxies = proxy_variables(from);
  auto has_key = config.mitm.enabled && missing != missing_ca::unread;
  if (from.before_secrets && (has_key || has_credentials(out.proxies)))
    from.before_secrets();
  out.ca = find_ca(config, missing, problems);
  out.identities = load_identities(config, from, problems);
  out.root_file = environment(from, "SSL_CERT_FILE");
  out.root_folder = environment(from, "SSL_CERT_DIR");
  auto trust = tls::client_context::make(
    {out.root_file, out.root_folder, out.ca, paths_of(named_trust(from), out.root_file), platform});
  if (trust)
    out.trust = std::move(*trust);
  else
    problems.push_back(problem_of("", context_of(trust.error())));
  return out;
}

} // namespace

std::optional<policy_document> load_document(const config::sources& from, bool check_patterns,
                                             missing_ca missing,
                                             std::vector<config::problem>& problems,
                                             machine_addresses_read addresses,
                                             const tls::platform_roots& platform) {
  auto loaded = config::load(from, check_patterns);
  std::move(loaded.problems.begin(), loaded.problems.end(), std::back_inserter(problems));
  if (!loaded.config)
    return std::nullopt;
  policy_document out{std::move(*loaded.config), {}};
  out.around = look_around(out.config, from, missing, problems, platform);
  out.around.addresses = std::move(addresses);
  if (has_error(problems))
    return std::nullopt;
  return out;
}

void check_audit(const config::proxy_config& config, std::vector<config::problem>& problems) {
  constexpr std::string_view scheme = "file:";
  if (config.audit.output.rfind(scheme, 0) != 0)
    return;
  auto path = config.audit.output.substr(scheme.size());
  if (auto err = tls::check_folder_of(path, tls::shared_by_root::yes)) {
    problems.push_back(problem_of("network_proxy.audit.output", context_of(err)));
    return;
  }
  if (auto error = cannot_append(path); error != 0)
    problems.push_back(problem_of("network_proxy.audit.output",
                                  "cannot open " + path + ": " + std::strerror(error)));
}

machine_addresses_read machine_addresses() {
  std::vector<ip_address> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    return std::nullopt;
  for (auto* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr)
      continue;
    ip_sockaddr name;
    std::memcpy(&name.storage, at->ifa_addr,
                at->ifa_addr->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    if (auto ip = name.ip())
      out.push_back(*ip);
  }
  ::freeifaddrs(list);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

policy_source_actor::behavior_type file_source(policy_source_actor::pointer,
                                               file_source_start start) {
  return {
    [from = start.from, read = start.addresses,
     platform = start.platform](atom::load, const policy_wish& wish) {
      auto sources = from;
      sources.mode = wish.mode;
      sources.mode_as = wish.mode_as;
      sources.added = wish.added;
      sources.adds = wish.adds;
      policy_delivery out;
      auto document =
        load_document(sources, false, missing_ca::make, out.problems, read(), platform);
      if (document)
        check_audit(document->config, out.problems);
      if (document && !has_error(out.problems))
        out.document = std::make_shared<policy_document>(std::move(*document));
      return out;
    },
    [read = start.addresses](atom::addresses) { return read(); },
  };
}

} // namespace proxy
