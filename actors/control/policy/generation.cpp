#include "actors/control/policy/generation.hpp"

#include "actors/control/listener_owner.hpp"
#include "actors/control/policy/compile.hpp"
#include "actors/control/policy/file_source.hpp"
#include "actors/control/policy/trust_files.hpp"

namespace proxy {

prepared prepare(const config::sources& from, uint64_t generation, const listener_set& bound,
                 const std::function<void()>& before_binding) {
  prepared out;
  auto document = load_document(from, false, missing_ca::make, out.problems);
  if (document)
    check_audit(document->config, out.problems);
  if (!document || has_error(out.problems))
    return out;
  auto compiled = compile(std::move(*document), generation, out.problems);
  if (!compiled)
    return out;
  if (before_binding)
    before_binding();
  auto listeners = bind_listeners(*compiled->config, bound);
  out.bind_failed = !listeners.problems.empty();
  std::move(listeners.problems.begin(), listeners.problems.end(), std::back_inserter(out.problems));
  out.listeners = std::move(listeners.all);
  if (out.bind_failed)
    return out;
  if (compiled->around.ca)
    write_trust_bundle(*compiled->config, compiled->around, out.problems);
  out.proxies = compiled->around.proxies;
  out.next = complete(std::move(*compiled), addresses_of(out.listeners), out.problems);
  return out;
}

snapshot_ptr compile_unbound(const config::sources& from, bool check_patterns,
                             std::vector<config::problem>& problems) {
  problems.clear();
  auto ca = from.secrets == config::secrets_wanted::none ? missing_ca::unread : missing_ca::ignore;
  auto document = load_document(from, check_patterns, ca, problems);
  auto compiled = document ? compile(std::move(*document), 1, problems) : std::nullopt;
  if (!compiled)
    return nullptr;
  auto listeners = configured_listeners(*compiled->config);
  return complete(std::move(*compiled), std::move(listeners), problems);
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
