#include "actors/compile.hpp"

#include <ifaddrs.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "actors/sockaddr.hpp"
#include "config/home.hpp"
#include "policy/remedy.hpp"
#include "tls/client.hpp"

namespace proxy {

namespace {

config::problem problem_at(const policy::placed_text& where, const std::string& key,
                           const std::string& reason) {
  auto p = problem_of(key, "\"" + where.text + "\": " + reason);
  p.file = where.file;
  p.line = where.line;
  p.column = where.column;
  return p;
}

/// The set compiled from `patterns`, or null with a problem for each bad one.
policy::pattern_set_ptr compile_patterns(const std::vector<policy::placed_text>& patterns,
                                         const std::string& key,
                                         std::vector<config::problem>& problems) {
  std::vector<policy::pattern_set::problem> bad;
  auto set = policy::pattern_set::compile(patterns, bad);
  for (auto& b : bad)
    problems.push_back(problem_at(b.where, key, b.reason));
  return set;
}

/// All that the configuration allows, denies and asks for as one table, or null with a problem for
/// each rule that does not compile.
policy::rule_table_ptr compile_rules(const config::proxy_config& config,
                                     std::vector<config::problem>& problems) {
  std::vector<policy::rule_table::problem> bad;
  auto table = policy::rule_table::compile(policy::rules_from({.allowed = config.allowed_domains,
                                                             .denied = config.denied_domains,
                                                             .hooks = config.mitm_hooks,
                                                             .mode = config.mode}),
                                           bad);
  for (auto& b : bad)
    problems.push_back(problem_at(b.where, b.id, b.reason));
  return table;
}

std::string environment(const config::sources& from, const char* name) {
  if (from.getenv)
    return from.getenv(name).value_or("");
  const auto* value = std::getenv(name);
  return value ? value : "";
}

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

bool has_upstream_credentials(const config::sources& from) {
  auto env = proxy_variables(from);
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
  auto now = std::chrono::system_clock::now();
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
client_identities load_identities(const config::proxy_config& config, const config::sources& from,
                                  std::vector<config::problem>& problems) {
  client_identities out;
  const auto& all = config.client_certificates;
  if (all.empty() || from.secrets != config::secrets_wanted::all)
    return out;
  if (from.before_secrets)
    from.before_secrets();
  for (const auto& one : all) {
    auto hosts = compile_patterns(one.hosts, one.where.text + ".hosts", problems);
    auto identity = tls::client_identity::load(one.cert, one.key);
    auto told = [&](std::string message) -> config::problem& {
      auto p = problem_of(one.where.text, std::move(message));
      p.file = one.where.file;
      p.line = one.where.line;
      p.column = one.where.column;
      return problems.emplace_back(std::move(p));
    };
    if (!identity) {
      told(context_of(identity.error()));
      continue;
    }
    if (auto when = (*identity)->expired_by(std::chrono::system_clock::now()); !when.empty())
      told("the client certificate " + one.cert + " expired on " + when).level =
        config::problem::severity::warning;
    if (hosts)
      out.add(std::move(hosts), std::move(*identity));
  }
  return out;
}

/// Where the listeners of a configuration would stand.
std::vector<policy::socket_address> configured_listeners(const config::proxy_config& config) {
  std::vector<policy::socket_address> out;
  auto add = [&](const config::listen_address& wanted) {
    auto ip = ip_address::parse(wanted.ip);
    if (ip && wanted.path.empty() && wanted.port != 0)
      out.push_back({*ip, wanted.port});
  };
  if (config.enabled)
    add(config.http);
  if (config.enabled && config.enable_socks5)
    add(config.socks);
  if (config.enabled && config.admin)
    add(*config.admin);
  return out;
}

/// The upstream proxies that the environment names, with warnings for those that are not used.
policy::upstream_proxies find_upstreams(const config::sources& from, const policy::rules& rules,
                                        std::vector<config::problem>& problems) {
  if (from.before_secrets && has_upstream_credentials(from))
    from.before_secrets();
  std::vector<std::string> warnings;
  policy::upstream_proxies out{proxy_variables(from), rules, warnings};
  for (auto& text : warnings) {
    auto p = problem_of("", std::move(text));
    p.level = config::problem::severity::warning;
    problems.push_back(std::move(p));
  }
  return out;
}

} // namespace

std::optional<std::vector<ip_address>> machine_addresses() {
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
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::optional<draft> compile(config::proxy_config config, const config::sources& from,
                             uint64_t generation, missing_ca missing,
                             std::vector<config::problem>& problems) {
  draft out;
  out.rules = std::make_shared<policy::rules>();
  auto& rules = *out.rules;
  rules.generation = generation;
  rules.enabled = config.enabled;
  rules.mode = config.mode;
  rules.allow_local_binding = config.allow_local_binding;
  rules.socks5 = config.enable_socks5;
  rules.mitm = config.mitm.enabled;
  rules.inspect = config.mitm.inspect;
  rules.table = compile_rules(config, problems);
  rules.origin = std::make_shared<const policy::remedies>(config.places, config.allowed_domains);
  rules.local_addresses = machine_addresses().value_or(std::vector<ip_address>{});
  if (config.mitm.enabled && missing != missing_ca::unread && from.before_secrets)
    from.before_secrets(); // the CA has a key
  out.ca = find_ca(config, missing, problems);
  out.identities = load_identities(config, from, problems);
  auto trust = tls::client_context::make(
    {environment(from, "SSL_CERT_FILE"), environment(from, "SSL_CERT_DIR"), out.ca,
     paths_of(named_trust(from), environment(from, "SSL_CERT_FILE"))});
  if (!trust)
    problems.push_back(problem_of("", context_of(trust.error())));
  if (has_error(problems))
    return std::nullopt;
  out.trust = std::move(*trust);
  out.config = std::make_shared<const config::proxy_config>(std::move(config));
  return out;
}

snapshot_ptr complete(draft what, std::vector<policy::socket_address> own_listeners,
                      const config::sources& from, std::vector<config::problem>& problems) {
  auto out = std::make_shared<snapshot>();
  out->generation = what.rules->generation;
  what.rules->own_listeners = std::move(own_listeners);
  if (what.config->allow_upstream_proxy)
    out->upstreams = find_upstreams(from, *what.rules, problems);
  out->config = std::move(what.config);
  out->rules = std::move(what.rules);
  out->trust = std::move(what.trust);
  out->identities = std::move(what.identities);
  out->ca = std::move(what.ca);
  return out;
}

snapshot_ptr move_to(const snapshot& now, std::vector<ip_address> addresses,
                     const config::sources& from, std::vector<config::problem>& problems) {
  auto out = std::make_shared<snapshot>(now);
  auto rules = std::make_shared<policy::rules>(*now.rules);
  rules->generation = ++out->generation;
  rules->local_addresses = std::move(addresses);
  if (now.config->allow_upstream_proxy)
    out->upstreams = find_upstreams(from, *rules, problems);
  out->rules = std::move(rules);
  return out;
}

snapshot_ptr compile_unbound(const config::sources& from, bool check_patterns,
                             std::vector<config::problem>& problems) {
  auto loaded = config::load(from, check_patterns);
  problems = std::move(loaded.problems);
  if (!loaded.config)
    return nullptr;
  auto ca = from.secrets == config::secrets_wanted::none ? missing_ca::unread : missing_ca::ignore;
  auto compiled = compile(std::move(*loaded.config), from, 1, ca, problems);
  if (!compiled)
    return nullptr;
  auto listeners = configured_listeners(*compiled->config);
  return complete(std::move(*compiled), std::move(listeners), from, problems);
}

tls::ca_paths ca_paths_of(const config::proxy_config& config) {
  auto or_default = [&](const std::string& path, const char* name) {
    return path.empty() ? config.codex_home + "/proxy/" + name : path;
  };
  return {or_default(config.mitm.ca_cert_path, "ca.pem"),
          or_default(config.mitm.ca_key_path, "ca.key")};
}

std::vector<tls::named_trust> named_trust(const config::sources& from) {
  std::vector<tls::named_trust> out;
  for (auto name : tls::trust_variables()) {
    std::string variable{name};
    auto path = environment(from, variable.c_str());
    // Some take a word instead ("false").
    if (path.find('/') != std::string::npos)
      out.push_back({std::move(variable), std::move(path), std::nullopt});
  }
  return out;
}

tls::bundle_paths bundle_paths_of(const config::proxy_config& config) {
  if (config.codex_home.empty())
    return {};
  auto folder = config.codex_home + "/proxy/";
  return {folder + "ca-bundle.pem", folder + "ca-bundle.p12", folder + "wgetrc"};
}

void write_trust_bundle(const config::proxy_config& config, const config::sources& from,
                        const tls::authority& ca, std::vector<config::problem>& problems) {
  auto warn = [&](std::string text) {
    auto p = problem_of("mitm", std::move(text));
    p.level = config::problem::severity::warning;
    problems.push_back(std::move(p));
  };
  if (config.codex_home.empty())
    return warn("no trust bundle for clients: " + std::string{config::no_home});
  auto sources = tls::bundle_sources::usual(environment(from, "SSL_CERT_FILE"),
                                            environment(from, "SSL_CERT_DIR"));
  auto written = tls::write_bundle(bundle_paths_of(config), sources, ca);
  if (!written)
    return warn("no trust bundle for clients: " + context_of(written.error()));
  for (auto& note : written->notes)
    warn(std::move(note));
}

config::problem problem_of(std::string key, std::string message) {
  config::problem p;
  p.key = std::move(key);
  p.message = std::move(message);
  return p;
}

bool has_error(const std::vector<config::problem>& problems) noexcept {
  return std::any_of(problems.begin(), problems.end(),
                     [](const auto& p) { return p.level == config::problem::severity::error; });
}

} // namespace proxy
