#include "actors/generation.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "actors/compile.hpp"
#include "tls/files.hpp"

namespace proxy {

namespace {

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

/// Binds all that a configuration asks for. @returns where the listeners stand.
std::vector<policy::socket_address> bind(prepared& out, const config::proxy_config& config,
                                         const listener_set& bound) {
  if (config.enabled)
    add_listener(out, endpoint::http, config.http, "proxy_url", bound);
  // One address for both: the listener tells them apart itself.
  if (config.enabled && config.enable_socks5 &&
      (config.socks != config.http || config.http.port == 0))
    add_listener(out, endpoint::socks, config.socks, "socks_url", bound);
  // A proxy that starts disabled offers nothing at all; one that a reload disables can still be
  // asked, and told to go on.
  auto was_bound = std::any_of(bound.begin(), bound.end(),
                               [](const auto& l) { return l->serves == endpoint::admin; });
  if (config.admin && (config.enabled || was_bound))
    add_listener(out, endpoint::admin, *config.admin, "admin_url", bound);
  std::vector<policy::socket_address> addresses;
  for (const auto& l : out.listeners)
    if (l->wanted.path.empty())
      addresses.push_back({l->ip, l->port});
  return addresses;
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
  auto fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0)
    problems.push_back(problem_of("network_proxy.audit.output",
                                  "cannot open " + path + ": " + std::strerror(errno)));
  else
    ::close(fd);
}

} // namespace

prepared prepare(const config::sources& from, uint64_t generation, const listener_set& bound) {
  prepared out;
  auto loaded = config::load(from);
  out.problems = std::move(loaded.problems);
  if (!loaded.config)
    return out;
  auto compiled =
    compile(std::move(*loaded.config), from, generation, missing_ca::make, out.problems);
  if (!compiled)
    return out;
  check_audit(*compiled->config, out.problems);
  if (has_error(out.problems))
    return out;
  auto addresses = bind(out, *compiled->config, bound);
  if (compiled->ca && !out.bind_failed)
    write_trust_bundle(*compiled->config, from, *compiled->ca, out.problems);
  if (!out.bind_failed)
    out.next = complete(std::move(*compiled), std::move(addresses), from, out.problems);
  return out;
}

std::string_view what_is_open(const listener_set& listeners) {
  return listeners.empty()
           ? "enabled is false: nothing is bound, nor is the admin API; SIGHUP brings a reload"
           : "enabled is false: the proxy is closed; the admin API stays, POST /reload or SIGHUP "
             "brings a reload";
}

snapshot_ptr closed_snapshot() {
  auto closed = std::make_shared<snapshot>();
  closed->config = std::make_shared<const config::proxy_config>();
  closed->rules = policy::deny_all();
  return closed;
}

} // namespace proxy
