#include "actors/generation.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "actors/sockaddr.hpp"
#include "tls/client.hpp"

namespace proxy {

namespace {

std::vector<ip_address> interface_addresses() {
  std::vector<ip_address> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    return out;
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
  return out;
}

config::problem problem_of(std::string key, std::string message) {
  config::problem p;
  p.key = std::move(key);
  p.message = std::move(message);
  return p;
}

/// The set compiled from `patterns`, or null with a problem for each bad one.
policy::pattern_set_ptr compile(const std::vector<policy::rule>& patterns, const std::string& key,
                                std::vector<config::problem>& problems) {
  std::vector<policy::pattern_set::problem> bad;
  auto set = policy::pattern_set::compile(patterns, bad);
  for (auto& b : bad) {
    auto p = problem_of(key, "\"" + b.where.text + "\": " + b.reason);
    p.file = b.where.file;
    p.line = b.where.line;
    p.column = b.where.column;
    problems.push_back(std::move(p));
  }
  return bad.empty() ? set : nullptr;
}

/// Binds what `wanted` asks for, or takes it over from the listeners in use.
void add_listener(prepared& out, endpoint serves, const config::listen_address& wanted,
                  const std::string& key, const listener_set& bound) {
  auto same = [&](const bound_listener_ptr& l) {
    return l->serves == serves && l->wanted == wanted;
  };
  if (auto at = std::find_if(bound.begin(), bound.end(), same); at != bound.end()) {
    out.listeners.push_back(*at);
    return;
  }
  auto made = bind_listener(serves, wanted);
  if (made) {
    out.listeners.push_back(std::move(*made));
    return;
  }
  out.problems.push_back(problem_of(key, context_of(made.error())));
  out.bind_failed = true;
}

void check_audit(const config::proxy_config& config, std::vector<config::problem>& problems) {
  constexpr std::string_view scheme = "file:";
  if (config.audit.output.rfind(scheme, 0) != 0)
    return;
  auto path = config.audit.output.substr(scheme.size());
  auto fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0)
    problems.push_back(problem_of("network_proxy.audit.output",
                                  "cannot open " + path + ": " + std::strerror(errno)));
  else
    ::close(fd);
}

std::string environment(const config::sources& from, const char* name) {
  if (from.getenv)
    return from.getenv(name).value_or("");
  const auto* value = std::getenv(name);
  return value ? value : "";
}

/// The upstream proxies that the environment names, with a warning for each value that is ignored.
policy::upstream_proxies upstream_proxies_of(const config::sources& from,
                                             const policy::rules& rules,
                                             std::vector<config::problem>& problems) {
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
  std::vector<std::string> warnings;
  policy::upstream_proxies out{env, rules, warnings};
  for (auto& text : warnings) {
    auto p = problem_of("", std::move(text));
    p.level = config::problem::severity::warning;
    problems.push_back(std::move(p));
  }
  return out;
}

bool has_error(const std::vector<config::problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const auto& p) { return p.level == config::problem::severity::error; });
}

} // namespace

prepared prepare(const config::sources& from, uint64_t generation, const listener_set& bound) {
  prepared out;
  auto loaded = config::load(from);
  out.problems = std::move(loaded.problems);
  if (!loaded.config || has_error(out.problems))
    return out;
  auto config = std::make_shared<const config::proxy_config>(std::move(*loaded.config));
  auto rules = std::make_shared<policy::rules>();
  rules->generation = generation;
  rules->enabled = config->enabled;
  rules->mode = config->mode;
  rules->allow_local_binding = config->allow_local_binding;
  rules->mitm = false; // interception is not part of this version: limited mode refuses CONNECT
  rules->allowed = compile(config->allowed_domains, "allowed_domains", out.problems);
  rules->denied = compile(config->denied_domains, "denied_domains", out.problems);
  rules->local_addresses = interface_addresses();
  auto trust = tls::client_context::make(
    {environment(from, "SSL_CERT_FILE"), environment(from, "SSL_CERT_DIR")});
  if (!trust)
    out.problems.push_back(problem_of("", context_of(trust.error())));
  check_audit(*config, out.problems);
  if (has_error(out.problems))
    return out;
  if (config->enabled)
    add_listener(out, endpoint::http, config->http, "proxy_url", bound);
  if (config->admin)
    add_listener(out, endpoint::admin, *config->admin, "admin_url", bound);
  if (out.bind_failed)
    return out;
  for (const auto& l : out.listeners)
    if (l->wanted.path.empty())
      rules->own_listeners.push_back({l->ip, l->port});
  auto next = std::make_shared<snapshot>();
  next->generation = generation;
  next->config = std::move(config);
  if (next->config->allow_upstream_proxy)
    next->upstreams = upstream_proxies_of(from, *rules, out.problems);
  next->rules = std::move(rules);
  next->trust = std::move(*trust);
  out.next = std::move(next);
  return out;
}

snapshot_ptr closed_snapshot() {
  auto closed = std::make_shared<snapshot>();
  closed->config = std::make_shared<const config::proxy_config>();
  closed->rules = policy::deny_all();
  return closed;
}

} // namespace proxy
