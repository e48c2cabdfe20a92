#include <algorithm>
#include <set>

#include "config/settings.hpp"
#include "config/text.hpp"
#include "config/value.hpp"
#include "policy/hook_set.hpp"
#include "policy/narrowing.hpp"

namespace proxy::config {

namespace {

/// "invalid value for KEY: CANDIDATE (allowed ALLOWED)"
void refuse(const place& where, const std::string& key, const std::string& candidate,
            const std::string& allowed, report& out) {
  out.error(where, key,
            "invalid value for " + key + ": " + candidate + " (allowed " + allowed + ")");
}

/// The first few rules as a list.
std::string listing(const std::vector<policy::placed_text>& rules) {
  constexpr size_t most = 8;
  std::string result = "[";
  for (size_t i = 0; i < std::min(rules.size(), most); ++i)
    result += (i == 0 ? "" : ", ") + excerpt(rules[i].text);
  return result + (rules.size() > most ? ", …]" : "]");
}

/// Compares one managed layer with the outcome.
class narrowing {
public:
  narrowing(const settings& managed, const settings& effective, const std::string& profile,
            report& out)
    : managed_(managed), effective_(effective), profile_(profile), out_(out) {}

  void check() {
    // Where `true` is the wider value.
    check_switch("enabled", &proxy_config::enabled);
    check_mode();
    check_switch("allow_upstream_proxy", &proxy_config::allow_upstream_proxy);
    check_switch("dangerously_allow_non_loopback_proxy",
                 &proxy_config::dangerously_allow_non_loopback_proxy);
    check_switch("dangerously_allow_non_loopback_admin",
                 &proxy_config::dangerously_allow_non_loopback_admin);
    check_switch("dangerously_allow_all_unix_sockets",
                 &proxy_config::dangerously_allow_all_unix_sockets);
    check_switch("allow_local_binding", &proxy_config::allow_local_binding);
    check_switch("enable_socks5", &proxy_config::enable_socks5);
    check_switch("enable_socks5_udp", &proxy_config::enable_socks5_udp);
    check_interception();
    check_kept("audit.output", managed_.config.audit.output, effective_.config.audit.output);
    check_kept("admin_token_env", managed_.config.admin_token_env,
               effective_.config.admin_token_env);
    check_kept("admin_token_file", managed_.config.admin_token_file,
               effective_.config.admin_token_file);
    check_allowed();
    check_denied();
    check_sockets();
    check_hooks();
    check_users();
    check_certificates();
    check_telemetry();
  }

private:
  void check_switch(std::string_view name, bool proxy_config::*member) {
    // A list of sockets would mean nothing beside a switch that allows all of them.
    auto bound = managed_.has(name) ||
                 (member == &proxy_config::dangerously_allow_all_unix_sockets && lists_sockets());
    if (bound && !(managed_.config.*member) && effective_.config.*member)
      refuse(effective_.where(name), shown(name), "true", "false (disabled by managed config)",
             out_);
  }

  void check_mode() {
    if (managed_.has("mode") && managed_.config.mode == policy::mode::limited &&
        effective_.config.mode != policy::mode::limited)
      refuse(effective_.where("mode"), shown("mode"), "full", "limited or more restrictive", out_);
  }

  /// What has to be read is read. Limited mode refuses CONNECT altogether where nothing is read, so
  /// switching that on lets more pass.
  void check_interception() {
    const auto& bound = managed_.config.mitm;
    const auto& now = effective_.config.mitm;
    auto required = managed_.has("mitm.inspect") && bound.inspect;
    if (required && !now.inspect)
      refuse(effective_.where("mitm.inspect"), shown("mitm.inspect"), "false",
             "true (required by managed config)", out_);
    if (required && bound.enabled && !now.enabled)
      refuse(effective_.where("mitm.enabled"), shown("mitm.enabled"), "false",
             "true (managed config asks for mitm.inspect)", out_);
    if (managed_.has("mitm.enabled") && !bound.enabled && now.enabled)
      refuse(effective_.where("mitm.enabled"), shown("mitm.enabled"), "true",
             "false (disabled by managed config)", out_);
  }

  /// A text that is taken over as it is, once the managed layer has one.
  void check_kept(std::string_view name, const std::string& bound, const std::string& now) {
    if (managed_.has(name) && bound != now)
      refuse(effective_.where(name), shown(name), excerpt(now), "the managed " + excerpt(bound),
             out_);
  }

  void check_allowed() {
    const auto& bounds = managed_.config.allowed_domains;
    if (!managed_.bounds_allowed())
      return;
    for (const auto& r : policy::widened_allows(bounds, effective_.config.allowed_domains))
      refuse({r.file, r.line, r.column}, shown("allowed_domains"), excerpt(r.text),
             "subset of managed allowed_domains " + listing(bounds), out_);
  }

  void check_denied() {
    auto missing =
      policy::missing_denies(managed_.config.denied_domains, effective_.config.denied_domains);
    if (!missing.empty())
      refuse(effective_.where("denied_domains"), shown("denied_domains"),
             "missing managed denied_domains entries", listing(missing), out_);
  }

  [[nodiscard]] bool lists_sockets() const {
    return managed_.has("allow_unix_sockets") || managed_.has("unix_sockets");
  }

  void check_sockets() {
    if (!lists_sockets())
      return;
    std::set<std::string> bounds;
    for (const auto& r : managed_.socket_list)
      bounds.insert(normal_path(r.text));
    for (const auto& r : effective_.socket_list) {
      if (!bounds.contains(normal_path(r.text)))
        refuse({r.file, r.line, r.column}, shown("allow_unix_sockets"), excerpt(r.text),
               "subset of managed allow_unix_sockets " + listing(managed_.socket_list), out_);
    }
  }

  /// A collector that the managed layer names gets everything, in the way that is said there:
  /// another CA or a timeout too short would keep events back as surely as another endpoint.
  void check_telemetry() {
    const auto& bound = managed_.config.otel;
    check_kept("otel.endpoint", bound.endpoint, effective_.config.otel.endpoint);
    if (bound.send_traces && !effective_.config.otel.send_traces)
      refuse(effective_.where("otel.traces"), shown("otel.traces"), "false",
             "true (required by managed config)", out_);
    check_attributes();
    if (bound.endpoint.empty())
      return;
    auto was = managed_.config; // The table of keys points into what may be changed.
    auto is = effective_.config;
    for (const auto& k : keys)
      if (is_of_sending(k.name) && value_text(k, was) != value_text(k, is))
        refuse(effective_.where(k.name), shown(k.name), value_text(k, is),
               "the managed " + value_text(k, was), out_);
  }

  static bool is_of_sending(std::string_view name) {
    return name.starts_with("otel.") && name != "otel.endpoint" && name != "otel.traces" &&
           name != "otel.attributes";
  }

  /// What the managed layer has all events say, they say; they may say more.
  void check_attributes() {
    const auto& now = effective_.config.otel.attributes;
    for (const auto& bound : managed_.config.otel.attributes)
      if (std::ranges::find(now, bound) == now.end())
        refuse(effective_.where("otel.attributes"), shown("otel.attributes"), "others",
               "those with the managed " + toml_key(bound.first) + " = " + excerpt(bound.second),
               out_);
  }

  /// Who the managed layer says we are is not for others to change.
  void check_certificates() {
    const auto& bound = managed_.config.client_certificates;
    if (managed_.has("client_certificates") && bound != effective_.config.client_certificates)
      refuse(effective_.where("client_certificates"), shown("client_certificates"), "others",
             "the managed ones", out_);
  }

  /// Hooks refuse what they do not list, so more of them for a host let more pass: those of a
  /// managed host stay as they are.
  void check_hooks() {
    auto of = [](const settings& from, const host& h) {
      std::vector<policy::mitm_hook> result;
      std::ranges::copy_if(from.config.mitm_hooks, std::back_inserter(result),
                           [&](const auto& hook) { return policy::leads_to_same(hook.host, h); });
      return result;
    };
    std::set<std::string> seen;
    for (const auto& bound : managed_.config.mitm_hooks) {
      if (seen.insert(bound.host.text()).second &&
          of(managed_, bound.host) != of(effective_, bound.host))
        refuse(effective_.where("mitm_hooks"), shown("mitm_hooks"),
               "other hooks for " + bound.host.text(), "the managed ones", out_);
    }
  }

  /// No users at all is the widest of sets: then nobody is asked.
  void check_users() {
    const auto& bounds = managed_.config.socks_users;
    const auto& users = effective_.config.socks_users;
    if (bounds.empty())
      return;
    auto refuse_users = [&](const std::string& candidate) {
      refuse(effective_.where("socks_users"), shown("socks_users"), candidate,
             "some of the managed socks_users", out_);
    };
    if (users.empty())
      refuse_users("none");
    for (const auto& user : users)
      if (std::ranges::none_of(bounds, [&](const socks_user& bound) {
            return bound.name == user.name && bound.source == user.source;
          }))
        refuse_users(toml_key(user.name) + " = " + in_quotes(user.source));
  }

  [[nodiscard]] std::string shown(std::string_view name) const {
    return full_name(key_named(name), profile_);
  }

  const settings& managed_;
  const settings& effective_;
  const std::string& profile_;
  report& out_;
};

} // namespace

void check_narrowing(const settings& managed, const settings& effective, const std::string& profile,
                     report& out) {
  narrowing{managed, effective, profile, out}.check();
}

} // namespace proxy::config
