#include "actors/control/policy/compile.hpp"

#include "policy/remedy.hpp"

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

/// Which upstreams are shown which certificate.
client_identities pair_identities(const config::proxy_config& config,
                                  const std::vector<tls::client_identity_ptr>& loaded,
                                  std::vector<config::problem>& problems) {
  client_identities out;
  for (size_t i = 0; i < loaded.size() && i < config.client_certificates.size(); ++i) {
    const auto& one = config.client_certificates[i];
    auto hosts = compile_patterns(one.hosts, one.where.text + ".hosts", problems);
    if (hosts)
      out.add(std::move(hosts), loaded[i]);
  }
  return out;
}

/// The upstream proxies that the environment names, with warnings for those that are not used.
policy::upstream_proxies find_upstreams(const policy::proxy_environment& proxies,
                                        const policy::rules& rules,
                                        std::vector<config::problem>& problems) {
  std::vector<std::string> warnings;
  policy::upstream_proxies out{proxies, rules, warnings};
  for (auto& text : warnings) {
    auto p = problem_of("", std::move(text));
    p.level = config::problem::severity::warning;
    problems.push_back(std::move(p));
  }
  return out;
}

/// Whether a listener stands on every address of the machine, one of which the proxy has to know
/// by then.
bool stands_on_all(const config::proxy_config& config) {
  auto wide = [](const config::listen_address& at) {
    auto ip = ip_address::parse(at.ip);
    return at.path.empty() && ip && (*ip == ip_address{} || *ip == ip_address::v4(0));
  };
  return wide(config.http) || (config.enable_socks5 && wide(config.socks)) ||
         (config.admin && wide(*config.admin));
}

} // namespace

std::optional<draft> compile(policy_document document, uint64_t generation,
                             std::vector<config::problem>& problems) {
  draft out;
  auto& config = document.config;
  out.rules = std::make_shared<policy::rules>();
  auto& rules = *out.rules;
  rules.generation = generation;
  rules.enabled = config.enabled;
  rules.mode = config.mode;
  rules.allow_local_binding = config.allow_local_binding;
  rules.socks5 = config.enable_socks5;
  rules.socks5_udp = config.enable_socks5_udp;
  rules.mitm = config.mitm.enabled;
  rules.inspect = config.mitm.inspect;
  rules.asks_unlisted = config.somebody_decides;
  rules.table = compile_rules(config, problems);
  rules.sockets = {config.allow_unix_sockets, config.denied_unix_sockets,
                   config.dangerously_allow_all_unix_sockets};
  rules.origin = std::make_shared<const policy::remedies>(config.places, config.allowed_domains);
  if (document.around.addresses)
    rules.local_addresses = std::move(*document.around.addresses);
  else if (stands_on_all(config))
    problems.push_back(problem_of("", "the addresses of this machine cannot be read: a listener on "
                                      "all of them would not be told from others"));
  out.identities = pair_identities(config, document.around.identities, problems);
  if (has_error(problems))
    return std::nullopt;
  out.around = std::move(document.around);
  out.config = std::make_shared<const config::proxy_config>(std::move(config));
  return out;
}

snapshot_ptr complete(draft what, std::vector<policy::socket_address> own_listeners,
                      std::vector<config::problem>& problems) {
  auto out = std::make_shared<snapshot>();
  out->generation = what.rules->generation;
  what.rules->own_listeners = std::move(own_listeners);
  if (what.config->allow_upstream_proxy)
    out->upstreams = find_upstreams(what.around.proxies, *what.rules, problems);
  out->config = std::move(what.config);
  out->rules = std::move(what.rules);
  out->trust = std::move(what.around.trust);
  out->identities = std::move(what.identities);
  out->ca = std::move(what.around.ca);
  return out;
}

snapshot_ptr move_to(const snapshot& now, std::vector<ip_address> addresses,
                     const policy::proxy_environment& proxies,
                     std::vector<config::problem>& problems) {
  auto out = std::make_shared<snapshot>(now);
  auto rules = std::make_shared<policy::rules>(*now.rules);
  rules->generation = ++out->generation;
  rules->local_addresses = std::move(addresses);
  if (now.config->allow_upstream_proxy)
    out->upstreams = find_upstreams(proxies, *rules, problems);
  out->rules = std::move(rules);
  return out;
}

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

} // namespace proxy
