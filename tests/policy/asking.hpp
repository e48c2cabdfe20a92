#pragma once

#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "tests/policy/rules.hpp"

/// Questions to `decide` as tests put them.

namespace proxy::policy::test {

inline constexpr answer yes{};

inline std::vector<ip_address> ips(const std::vector<std::string>& addresses) {
  std::vector<ip_address> out;
  for (auto& text : addresses)
    out.push_back(ip(text));
  return out;
}

/// "allow", "ask", or the reason of the denial.
inline std::string said(const verdict& v) {
  if (auto no = std::get_if<denial>(&v))
    return std::string{to_string(no->reason)};
  return std::holds_alternative<question>(v) ? "ask" : "allow";
}
inline std::string said(const std::optional<denial>& no) {
  return no ? std::string{to_string(no->reason)} : "allow";
}

/// By name alone.
inline verdict decided(const rules& in_force, const target& what, trace* why = nullptr) {
  return decide(in_force, {.to = what}, why);
}

inline std::string judge(const rules& in_force, const target& what) {
  return said(decided(in_force, what));
}

/// With somebody's word.
inline verdict answered(const rules& in_force, const target& what, const answer& word = yes) {
  return decide(in_force, {.to = what, .answer = &word});
}

/// The addresses of what has been let through.
inline std::string vetting(const rules& in_force, const target& what,
                           const std::vector<ip_address>& addresses, const host* found_as = nullptr,
                           trace* why = nullptr) {
  return said(why_not(in_force,
                      {.to = what,
                       .leads_to = destination{.addresses = addresses, .found_as = found_as},
                       .granted = true},
                      why));
}

/// Something that stands when rules come.
struct standing_target {
  std::string connected = "1.1.1.1";
  bool by_decider = false;
  policy::reading reading = policy::reading::none;
  const host* found_as = nullptr;
};
inline std::string judged_again(const rules& in_force, const target& what,
                                const standing_target& it = {}) {
  auto at = ips({it.connected});
  return said(
    why_not(in_force, {.to = what,
                       .reading = it.reading,
                       .answer = it.by_decider ? &yes : nullptr,
                       .leads_to = destination{.addresses = at, .found_as = it.found_as}}));
}

/// A request that is read, with what it says beyond its target.
struct read_request {
  std::string_view path = "/";
  std::vector<http1::field> fields{};
};
inline verdict decided_in_full(const rules& in_force, const target& what,
                               const read_request& request, http1::request_path& scratch,
                               const answer* word = nullptr, trace* why = nullptr) {
  return decide(
    in_force,
    {.to = what, .request = request_facts{request.path, request.fields, &scratch}, .answer = word},
    why);
}

/// A request inside a tunnel.
inline target request_inside(std::string_view name, std::string method = "GET", bool tls = true,
                             bool upgrade = false, uint16_t port = 443) {
  auto out = get(name, port);
  out.protocol = tls ? protocol::https : protocol::http;
  out.method = std::move(method);
  out.upgrade = upgrade;
  out.in_tunnel = true;
  return out;
}

} // namespace proxy::policy::test
