#include "policy/inner.hpp"

#include "policy/judge.hpp"

namespace proxy::policy {

using namespace judging;

namespace judging {

std::optional<denial> judge_hooks(const rules& in_force, const target& to,
                                  const judged_request& request, const char* why_not,
                                  const notes& note, forward& out) {
  if (!is_hooked(in_force, to.host))
    return std::nullopt;
  if (to.protocol == protocol::http) {
    // What a hook adds must not travel in the clear.
    auto hook = in_force.table->hooks()->match(to.host, {}).hook;
    note.add("hooks", [&] { return matches(hook->where) + ", and this is plain HTTP"; });
    return refuse_by_mode(reason::mitm_required, &hook->where);
  }
  auto match = in_force.table->hooks()->match(to.host, request);
  if (match.outcome == hook_match::kind::none) {
    note.add("hooks", [&] {
      return why_not ? std::string{"no match: "} + why_not
                     : "no hook of " + match.hook->where.text + " matches";
    });
    return refuse(reason::mitm_hook_denied, &match.hook->where);
  }
  note.add("hooks", [&] {
    return "hook " + std::to_string(match.index) + ' ' + matches(match.hook->where);
  });
  out = {request.path->text, match.hook, match.index};
  return std::nullopt;
}

} // namespace judging

namespace {

caf::error misdirected(std::string_view what, const host& named, const host& tunnel) {
  return caf::make_error(errc::misdirected, std::string{what} + " names " + named.in_url() +
                                              ", the tunnel leads to " + tunnel.in_url());
}

caf::error no_host(std::string_view what, const host& tunnel) {
  return caf::make_error(errc::misdirected,
                         std::string{what} + " is no host, the tunnel leads to " + tunnel.in_url());
}

} // namespace

std::variant<forward, denial> judge_inner(const rules& in_force, const target& to,
                                          const inner_request& request, http1::request_path& path,
                                          trace* why) {
  notes note{why};
  rule_match by;
  if (auto no = judge_host(in_force, to, facts_of(in_force, to), note, by);
      no && no->reason != reason::not_allowed)
    return std::move(*no);
  forward out{.path = request.path};
  auto why_not = is_hooked(in_force, to.host) ? http1::canonicalise(request.path, path) : nullptr;
  judged_request asked{request.method, why_not ? nullptr : &path, request.fields};
  if (auto no = judge_hooks(in_force, to, asked, why_not, note, out))
    return std::move(*no);
  if (auto no = judge_method(in_force, request.method, request.upgrade, note))
    return std::move(*no);
  return out;
}

caf::error check_server_name(const host& tunnel, std::string_view server_name) {
  if (server_name.empty() || server_name == tunnel.text())
    return {};
  auto named = host::parse(server_name);
  if (!named)
    return no_host("the server name", tunnel);
  return *named == tunnel ? caf::error{} : misdirected("the server name", *named, tunnel);
}

caf::error check_authority(const host& tunnel, std::string_view authority) {
  if (authority.empty() || authority == tunnel.text())
    return {};
  auto named = proxy::authority::parse(authority);
  if (!named)
    return no_host("Host", tunnel);
  return named->host == tunnel ? caf::error{} : misdirected("Host", named->host, tunnel);
}

} // namespace proxy::policy
