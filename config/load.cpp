#include "config/load.hpp"

#include <algorithm>

#include "config/address.hpp"
#include "config/home.hpp"
#include "config/hooks.hpp"
#include "config/settings.hpp"
#include "config/telemetry_resolve.hpp"
#include "config/telemetry_tables.hpp"
#include "config/text.hpp"
#include "config/value.hpp"
#include "policy/lint.hpp"

namespace proxy::config {

namespace {

/// The steps of a load, in the order of `run`; they share what they find out.
class loading {
public:
  loading(const sources& from, bool check_patterns)
    : from_(from), check_patterns_(check_patterns), env_(environment_of(from)),
      home_(codex_home(from)) {}

  loaded run() {
    layers_ = read_layers(from_, home_, out_);
    std::vector<std::string> files{from_.managed_file};
    if (!home_.empty())
      files.push_back(home_ + "/config.toml");
    files.insert(files.end(), from_.files.begin(), from_.files.end());
    // A layer that does not parse may be the one that selects the layout: what it hides cannot be
    // judged.
    if (!out_.failed())
      understand();
    auto failed = out_.failed();
    loaded result{std::nullopt, out_.take(files)};
    if (!failed)
      result.config = std::move(effective_.config);
    return result;
  }

private:
  void understand() {
    if (layers_.empty())
      return no_configuration();
    profile_ = select_profile(layers_, out_);
    place_sets(layers_, profile_);
    check_profile(layers_, profile_, out_);
    read();
    apply_flags();
    merge_maps(effective_);
    check_emptiness();
    resolve_token();
    resolve_passwords();
    check_interception();
    if (out_.failed())
      return;
    check_narrowing(managed_, effective_, profile_, out_);
    add_patterns(from_, managed_, profile_, effective_, out_);
    if (from_.instead_of_users && !effective_.config.socks_users.empty())
      effective_.config.socks_users = {*from_.instead_of_users};
    // Last of all secrets, so that managed and effective hooks were compared as they are written.
    resolve_hooks();
    resolve_headers();
    resolve_telemetry(managed_, effective_, env_, profile_, out_);
    check_unused();
    check_listeners();
    if (check_patterns_)
      check_patterns();
    describe_origin();
  }

  void no_configuration() {
    auto user = home_.empty() ? std::string{"a home directory"} : in_quotes(home_ + "/config.toml");
    out_.error({}, {},
               "no configuration: there is neither " + in_quotes(from_.managed_file) + " nor " +
                 user,
               "codex-network-proxy init --write-config makes one; --config FILE names another");
  }

  /// Reads the managed layer first: it is the base of all others, and what bounds them. The profile
  /// it selects itself binds whatever profile the user selects.
  void read() {
    auto layer = layers_.begin();
    for (; layer != layers_.end() && layer->from == layer::kind::managed; ++layer) {
      const auto* own = find_node(*layer, {"default_permissions"});
      if (auto name = own ? own->value_or(std::string{}) : std::string{};
          !name.empty() && name != profile_)
        read_layer(*layer, name, managed_, out_);
      read_layer(*layer, profile_, managed_, out_);
    }
    effective_ = managed_;
    merge_maps(managed_);
    for (; layer != layers_.end(); ++layer)
      read_layer(*layer, profile_, effective_, out_);
  }

  void apply_flags() {
    apply_flag("--log-level", "log.level", from_.log_level);
    apply_flag("--log-format", "log.format", from_.log_format);
    apply_mode();
  }

  void apply_mode() {
    auto& config = effective_.config;
    config.mode_of_layers = config.mode;
    if (!from_.mode)
      return;
    if (from_.mode_as == mode_override::may_yield && *from_.mode == policy::mode::full &&
        managed_.has("mode") && managed_.config.mode == policy::mode::limited)
      return out_.warning(managed_.where("mode"), full_name(key_named("mode"), profile_),
                          "the mode set at run time is lifted: managed config allows limited only");
    config.mode = *from_.mode;
    config.mode_override = from_.mode;
    effective_.set_at["mode"] = {};
  }

  void apply_flag(const char* flag, std::string_view name, const std::optional<std::string>& text) {
    if (!text)
      return;
    const auto& k = key_named(name);
    toml::value<std::string> value{*text};
    if (auto failure = read_value(k, value, {}, effective_.config); !failure.empty())
      out_.error({flag}, full_name(k, profile_), failure);
  }

  /// A file of the larger product that says nothing about the network is legal, and easily an
  /// oversight.
  void check_emptiness() {
    if (!effective_.set_at.empty() || !effective_.domains.empty() || out_.failed() ||
        !profile_.empty())
      return;
    std::string hint;
    for (const auto& l : layers_) {
      if (const auto* permissions = l.root["permissions"].as_table();
          permissions && !permissions->empty()) {
        std::string first{permissions->begin()->first.str()};
        hint = "default_permissions = " + in_quotes(first) + " selects [permissions." +
               toml_key(first) + "]";
      }
      for (auto&& [key, value] : l.root) {
        if (hint.empty() && nearest(key.str(), {"network_proxy"}) == "network_proxy" &&
            key.str() != "network_proxy")
          hint = "did you mean [network_proxy] by " + toml_key(key.str()) + "?";
      }
    }
    if (!layers_.empty())
      out_.warning({layers_.back().file}, {}, "no network settings: the proxy is disabled",
                   std::move(hint));
  }

  /// Fetches the admin token from where the configuration says it is. It is never named in a
  /// message.
  void resolve_token() {
    auto& config = effective_.config;
    const auto& by_env = key_named("admin_token_env");
    const auto& by_file = key_named("admin_token_file");
    if (!config.admin_token_env.empty() && !config.admin_token_file.empty())
      return out_.error(effective_.where(by_file.name), full_name(by_file, profile_),
                        "expected only one of admin_token_env and admin_token_file");
    if (from_.secrets != secrets_wanted::all)
      return;
    const key* source = nullptr;
    std::string token;
    if (!config.admin_token_env.empty() || !config.admin_token_file.empty())
      guard();
    if (!config.admin_token_env.empty()) {
      source = &by_env;
      token = env_(config.admin_token_env).value_or("");
    } else if (!config.admin_token_file.empty()) {
      source = &by_file;
      auto content = read_file(config.admin_token_file, 4096);
      if (!content.failure.empty())
        return out_.error(effective_.where(by_file.name), full_name(by_file, profile_),
                          "cannot read " + excerpt(config.admin_token_file) + ": " +
                            content.failure);
      token = content.text;
    } else {
      return;
    }
    config.admin_token = std::string{trim(token)};
    auto printable = [](char c) { return c > ' ' && c < 0x7f; };
    if (config.admin_token.empty())
      out_.error(effective_.where(source->name), full_name(*source, profile_),
                 "the admin token is not set or empty");
    else if (!std::ranges::all_of(config.admin_token, printable))
      out_.error(effective_.where(source->name), full_name(*source, profile_),
                 "the admin token must be printable ASCII without spaces");
  }

  /// Fetches the passwords of users. They are never named in a message.
  void resolve_passwords() {
    if (from_.instead_of_users || from_.secrets == secrets_wanted::none ||
        effective_.config.socks_users.empty())
      return;
    guard();
    for (auto& user : effective_.config.socks_users) {
      auto name = full_name(key_named("socks_users"), profile_) + "." + toml_key(user.name);
      auto where = effective_.where("socks_users");
      auto of = user.source.substr(user.source.find(':') + 1);
      std::string text;
      if (user.source.starts_with("env:")) {
        text = env_(of).value_or("");
      } else if (auto content = read_file(of, 4096); content.failure.empty()) {
        text = content.text;
        while (text.ends_with('\n') || text.ends_with('\r'))
          text.pop_back();
      } else if (from_.secrets == secrets_wanted::all) {
        out_.error(where, name, "cannot read " + excerpt(of) + ": " + content.failure);
        continue;
      }
      if (text.empty() && from_.secrets != secrets_wanted::all)
        continue; // somebody else's
      if (text.empty() || text.size() > 255)
        out_.error(where, name,
                   user.source + (text.empty()
                                    ? " is not set or empty"
                                    : " is longer than 255 bytes, which RFC 1929 allows"));
      user.password = std::move(text);
    }
  }

  void resolve_hooks() {
    auto& hooks = effective_.config.mitm_hooks;
    auto has_secret = [](const policy::mitm_hook& h) { return !h.inject_request_headers.empty(); };
    if (from_.secrets == secrets_wanted::none)
      return check_prefixes(hooks, full_name(key_named("mitm_hooks"), profile_), out_);
    if (from_.secrets != secrets_wanted::all || std::ranges::none_of(hooks, has_secret))
      return;
    guard();
    resolve_secrets(hooks, env_, full_name(key_named("mitm_hooks"), profile_), out_);
  }

  /// Fetches what the collector is to be shown. It is never named in a message.
  void resolve_headers() {
    auto& headers = effective_.config.otel.headers;
    if (from_.secrets != secrets_wanted::all || headers.empty())
      return;
    guard();
    for (auto& header : headers) {
      auto of = header.source.substr(header.source.find(':') + 1);
      std::string why;
      if (header.source.starts_with("env:")) {
        header.value = std::string{trim(env_(of).value_or(""))};
      } else {
        auto content = read_file(of, max_secret_bytes);
        header.value = std::string{trim(content.text)};
        if (!content.failure.empty())
          why = "cannot read " + excerpt(of) + ": " + content.failure;
      }
      if (why.empty() && (header.value.empty() || !is_header_value(header.value)))
        why = header.source +
              (header.value.empty() ? " is not set or empty" : " holds what no header may carry");
      if (!why.empty())
        out_.error(effective_.where("otel.headers"),
                   full_name(key_named("otel.headers"), profile_) + "." + toml_key(header.name),
                   why);
    }
  }

  /// Called before a secret comes into memory.
  void guard() const {
    if (from_.before_secrets)
      from_.before_secrets();
  }

  void check_interception() {
    const auto& config = effective_.config;
    const auto& mitm = config.mitm;
    if (mitm.enabled && home_.empty() && (mitm.ca_cert_path.empty() || mitm.ca_key_path.empty()))
      out_.error(effective_.where("mitm.enabled"), full_name(key_named("mitm.enabled"), profile_),
                 "no place for the CA and its key: " + std::string{no_home});
    if (config.mitm_hooks.empty() || config.mitm.enabled)
      return;
    // Told at the line to change, where there is one.
    constexpr std::string_view name = "mitm.enabled";
    auto said = effective_.has(name);
    auto full = full_name(key_named(name), profile_);
    auto table = full.substr(0, full.rfind('.'));
    auto short_form = !profile_.empty() && !effective_.has("mitm.inspect");
    auto add = short_form ? "add mitm = true to [" + network_table(profile_) + "]"
                          : "add enabled = true to [" + table + "]";
    const auto& hook = config.mitm_hooks.front().where;
    auto here = effective_.where(said ? name : "mitm_hooks");
    auto at = (hook.file == here.file ? " (line " : " (" + hook.file + ":") +
              std::to_string(hook.line) + ")";
    out_.error(here, full_name(key_named("mitm_hooks"), profile_),
               "network.mitm_hooks requires network.mitm = true",
               said ? "write true here: the hook of " + hook.text + at + " needs it" : add);
  }

  void check_unused() {
    const auto& config = effective_.config;
    if (config.refusals == "inside" && !config.mitm.enabled)
      warn("refusals", "is nothing without mitm = true: a refused CONNECT is answered at once");
  }

  void check_listeners() {
    auto& config = effective_.config;
    for (auto& notice : clamp_listeners(config)) {
      if (notice.key != "socks_url" || config.enable_socks5)
        warn(notice.key, std::move(notice.message));
    }
    if (config.admin && same_port(config.http, *config.admin))
      out_.error(effective_.where("admin_url"), full_name(key_named("admin_url"), profile_),
                 "the admin API and the HTTP proxy cannot share " + to_string(*config.admin));
    if (!config.enable_socks5)
      return;
    auto shared = config.http == config.socks && config.mixed_listeners; // one port for both
    if ((same_port(config.http, config.socks) && !shared) ||
        (config.admin && same_port(*config.admin, config.socks)))
      out_.error(effective_.where("socks_url"), full_name(key_named("socks_url"), profile_),
                 "another listener has " + to_string(config.socks));
  }

  static bool same_port(const listen_address& a, const listen_address& b) {
    auto any = [](const listen_address& x) { return x.ip == "0.0.0.0" || x.ip == "::"; };
    return a.path.empty() && b.path.empty() && a.port == b.port && a.port != 0 &&
           (a.ip == b.ip || any(a) || any(b));
  }

  void check_patterns() {
    const auto& config = effective_.config;
    for (const auto& [rule, message] : policy::lint(config.allowed_domains, config.denied_domains))
      out_.warning({rule.file, rule.line, rule.column}, {}, in_quotes(rule.text) + ": " + message);
    check_hooks();
    for (const auto& one : config.client_certificates)
      for (const auto& [rule, message] :
           policy::lint_hosts(one.hosts, config.allowed_domains, config.denied_domains))
        out_.warning({rule.file, rule.line, rule.column},
                     full_name(key_named("client_certificates"), profile_),
                     in_quotes(rule.text) + ": " + message);
    if (config.enabled && config.allowed_domains.empty())
      warn("allowed_domains", "is empty: every request is refused");
    if (config.mode == policy::mode::limited && !config.mitm.enabled)
      warn("mode", "limited mode refuses all HTTPS where nothing is intercepted: set mitm = true");
  }

  void check_hooks() {
    const auto& config = effective_.config;
    policy::plain_lists lists{.allowed = config.allowed_domains, .denied = config.denied_domains};
    for (const auto& [rule, message] :
         policy::lint_hooks(config.mitm_hooks, std::move(lists), config.allow_local_binding))
      out_.warning({rule.file, rule.line, rule.column},
                   full_name(key_named("mitm_hooks"), profile_),
                   in_quotes(rule.text) + ": " + message);
  }

  void describe_origin() {
    auto& config = effective_.config;
    config.codex_home = home_;
    config.profile = profile_;
    for (const auto& l : layers_) {
      if (l.from != layer::kind::flag)
        config.files.push_back(l.file);
    }
    config.secret_variables = name_secret_variables(layers_);
    config.places = find_places(managed_, effective_, layers_, profile_, home_);
    config.made_environment = from_.made_environment;
    config.somebody_decides = from_.somebody_decides;
    config.dns.local_domain = env_("LOCALDOMAIN");
    config.dns.res_options = env_("RES_OPTIONS").value_or("");
  }

  void warn(std::string_view name, std::string message) {
    out_.warning(effective_.where(name), full_name(key_named(name), profile_), std::move(message));
  }

  const sources& from_;
  bool check_patterns_;
  environment env_;
  std::string home_;
  report out_;
  std::vector<layer> layers_;
  std::string profile_;
  settings managed_;
  settings effective_;
};

} // namespace

loaded load(const sources& from, bool check_patterns) {
  return loading{from, check_patterns}.run();
}

} // namespace proxy::config
