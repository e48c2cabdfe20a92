#include "policy/remedy.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"
#include "policy/judge.hpp"

namespace proxy::policy {

namespace {

std::string in_quotes(std::string_view text) {
  std::string out{'"'};
  for (auto c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out += '"';
}

std::string shown(std::string_view file, path_style paths) {
  if (paths == path_style::name && file.starts_with('/'))
    file.remove_prefix(file.rfind('/') + 1);
  return std::string{file};
}

std::string place_of(std::string_view file, uint32_t line, path_style paths) {
  return shown(file, paths) + (line == 0 ? "" : " (line " + std::to_string(line) + ')');
}

/// Whoever has the last word where no file of a user's does.
constexpr std::string_view ask_operator = "ask whoever runs this proxy";

/// Writes remedies by what one configuration says of itself.
class writer {
public:
  writer(const rules& in_force, const denial& why, const target& what, path_style paths)
    : rules_(in_force), why_(why), what_(what), paths_(paths) {}

  [[nodiscard]] std::string write() const {
    switch (why_.reason) {
      case reason::not_allowed: return listing() + near_miss();
      case reason::not_allowed_local: return local();
      case reason::denied: return denied();
      case reason::method_not_allowed: return method();
      case reason::mitm_required: return reading();
      case reason::mitm_hook_denied: return hooks();
      case reason::proxy_disabled: return switched_off();
      case reason::unix_socket_unsupported:
        return "unix sockets are served on macOS alone: " + std::string{ask_operator} +
               " for an address";
      case reason::client_required:
        return "put the name and password of one of socks_users into the URL of the proxy, or " +
               std::string{ask_operator};
      case reason::decider_timeout:
        return "try again while somebody can decide within decider.timeout, or " + listing();
      case reason::decider_failed:
        return std::string{ask_operator} + " to see why what decides failed, or " + listing();
      default: return std::string{ask_operator};
    }
  }

private:
  [[nodiscard]] const setting_place* setting(std::string_view name) const {
    if (!rules_.origin)
      return nullptr;
    const auto& all = rules_.origin->places().settings;
    auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second;
  }

  /// Asks who keeps the managed layer.
  [[nodiscard]] std::string ask_manager(std::string_view what) const {
    auto file = rules_.origin ? rules_.origin->places().managed_file : "";
    return "ask whoever manages " + shown(file, paths_) + ", which " + std::string{what};
  }

  /// ", or ask …", where a file says it.
  [[nodiscard]] std::string or_ask(std::string_view file) const {
    return file.starts_with('/') || file.find('.') != std::string_view::npos
             ? ", or ask whoever maintains that file"
             : ", or " + std::string{ask_operator};
  }

  /// "set mode = "full" in config.toml (line 3), or ask …"
  [[nodiscard]] std::string set_to(std::string_view name, std::string_view value) const {
    const auto* of = setting(name);
    if (!of)
      return std::string{ask_operator} + " to set " + std::string{name} + " = " +
             std::string{value};
    if (of->managed)
      return ask_manager("sets " + of->name);
    auto out = "set " + of->name + " = " + std::string{value};
    if (of->set && of->file.empty())
      return std::string{ask_operator} + " to " + out + ": it was set at run time";
    out += of->set ? " in " : " in [" + of->table + "] of ";
    return out + place_of(of->file, of->line, paths_) + or_ask(of->file);
  }

  /// What lists `text` as allowed.
  [[nodiscard]] std::string list_as_allowed(const std::string& text) const {
    if (!setting("allowed_domains"))
      return std::string{ask_operator} + " to add " + in_quotes(text) + " to allowed_domains";
    if (!rules_.origin->may_list(what_.host, what_.port))
      return ask_manager("bounds allowed_domains");
    const auto* list = setting("allowed_domains");
    const auto* map = setting("domains");
    if (list->set || !map || !map->set) {
      if (!list->set)
        return set_to("allowed_domains", '[' + in_quotes(text) + ']');
      return "add " + in_quotes(text) + " to " + list->name + " in " +
             place_of(list->file, list->line, paths_) + or_ask(list->file);
    }
    return "add " + in_quotes(text) + " = \"allow\" to " + map->name + " in " +
           place_of(map->file, map->line, paths_) + or_ask(map->file);
  }

  [[nodiscard]] std::string name_to_list() const {
    const auto& h = what_.host;
    return h.scope().empty() ? h.text() : h.text() + '%' + h.scope();
  }

  [[nodiscard]] std::string listing() const { return list_as_allowed(name_to_list()); }

  [[nodiscard]] std::string near_miss() const {
    if (!rules_.origin)
      return {};
    auto near = rules_.origin->listed().find(what_.host, what_.port);
    auto by = in_quotes(near.by.text);
    if (near.by.line != 0)
      by += " (line " + std::to_string(near.by.line) + ')';
    switch (near.how) {
      case near_name::kind::none: break;
      case near_name::kind::typo:
        return near.meant == near.by.text
                 ? "; did you mean " + by + '?'
                 : "; did you mean " + in_quotes(near.meant) + ", as in " + by + '?';
      case near_name::kind::other_port:
        return "; did you mean another port? " + by + " is for that port alone";
      case near_name::kind::only_below:
        return "; did you mean a name below it? " + by + " does not cover " +
               in_quotes(what_.host.text()) + " itself";
      case near_name::kind::only_itself:
        return "; did you mean " + by + "? It covers no name below it";
    }
    return {};
  }

  /// For what no switch opens.
  [[nodiscard]] static std::string stays_closed(std::string_view what) {
    return std::string{what} + ": " + std::string{ask_operator} + " what it is that you need of it";
  }

  [[nodiscard]] std::string local() const {
    const auto& h = what_.host;
    if (is_own_listener(rules_, h, what_.port))
      return stays_closed("nothing leads through the proxy to the proxy itself");
    if (h.ip() && is_metadata(*h.ip()))
      return listing();
    if (why_.address && judging::reaches_own_listener(rules_, *why_.address, what_.port))
      return stays_closed(in_quotes(h.text()) + " leads to the proxy itself, which stays closed");
    if (why_.address && is_metadata(*why_.address))
      return stays_closed(in_quotes(h.text()) + " leads to a metadata service, which stays closed");
    // With that switch on, what is refused is what it does not open.
    if (rules_.allow_local_binding && !h.ip())
      return stays_closed(in_quotes(h.text()) + " leads to a metadata service or to the proxy "
                                                "itself, which stay closed");
    if (h.ip() || h.is_localhost())
      return listing() + "; or " + set_to("allow_local_binding", "true");
    return in_quotes(h.text()) + " leads to an address of this machine or a private network: " +
           set_to("allow_local_binding", "true") +
           ", which opens neither metadata services nor this proxy itself";
  }

  [[nodiscard]] std::string denied() const {
    if (!why_.rule)
      return std::string{ask_operator} + " to take it off denied_domains";
    if (rules_.origin && rules_.origin->must_deny(what_.host, what_.port, *why_.rule))
      return ask_manager("denies " + in_quotes(why_.rule->text));
    if (why_.rule->file == added_at_run_time)
      return std::string{ask_operator} + " to take " + in_quotes(why_.rule->text) +
             " off denied_domains: it was added at run time";
    const auto* list = setting("denied_domains");
    const auto* map = setting("domains");
    auto in_map = map && map->set && list && !list->set;
    return "take " + in_quotes(why_.rule->text) + " off " +
           (in_map ? map->name : std::string{"denied_domains"}) + " in " +
           place_of(why_.rule->file, why_.rule->line, paths_) + or_ask(why_.rule->file);
  }

  [[nodiscard]] bool is_socks() const {
    return what_.protocol == protocol::socks5_tcp || what_.protocol == protocol::socks5_udp;
  }

  [[nodiscard]] std::string method() const {
    return set_to("mode", "\"full\"") + "; limited mode takes GET, HEAD and OPTIONS";
  }

  [[nodiscard]] std::string reading() const {
    if (!rules_.mitm)
      return set_to("mitm.enabled", "true") + "; or " + set_to("mode", "\"full\"");
    if (!judging::is_hooked(rules_, what_.host))
      return "speak HTTP or TLS inside the tunnel; or " + set_to("mode", "\"full\"");
    if (what_.protocol == protocol::http || is_socks())
      return "ask for https://" + what_.host.in_url() +
             " over the HTTP proxy, where its hooks are looked at";
    return "speak HTTP over TLS inside the tunnel, where the host's hooks are looked at";
  }

  [[nodiscard]] std::string hooks() const {
    auto where = why_.rule ? why_.rule->file : std::string{};
    if (rules_.origin && !where.empty() && where == rules_.origin->places().managed_file)
      return ask_manager("has the hooks of " + in_quotes(what_.host.text()));
    return "add to mitm_hooks one for " + in_quotes(what_.host.text()) + " that lets this " +
           (what_.method.empty() ? std::string{"request"} : what_.method.substr(0, 64)) + " pass" +
           (where.empty()
              ? ", or " + std::string{ask_operator}
              : ", beside the one in " + place_of(where, why_.rule->line, paths_) + or_ask(where));
  }

  [[nodiscard]] std::string switched_off() const {
    return rules_.enabled && is_socks() ? set_to("enable_socks5", "true")
                                        : set_to("enabled", "true");
  }

  const rules& rules_;
  const denial& why_;
  const target& what_;
  path_style paths_;
};

} // namespace

remedies::remedies(text_places places, const std::vector<placed_text>& allowed)
  : places_(std::move(places)), listed_(allowed) {
  std::vector<pattern_set::problem> problems;
  if (places_.ceiling)
    ceiling_ = pattern_set::compile(*places_.ceiling, problems);
  if (!places_.demanded.empty())
    demanded_ = pattern_set::compile(places_.demanded, problems);
}

bool remedies::may_list(const host& name, uint16_t port) const noexcept {
  return !ceiling_ || ceiling_->match(name, port) != nullptr;
}

bool remedies::must_deny(const host& name, uint16_t port,
                         const placed_text& decided_by) const noexcept {
  if (!decided_by.file.empty() && decided_by.file == places_.managed_file)
    return true;
  if (!demanded_)
    return false;
  // An address that a name led to is not known here: the rule for it tells by its text.
  auto same = [&](const placed_text& each) { return each.text == decided_by.text; };
  return demanded_->match(name, port) != nullptr ||
         (demanded_->has_networks() && std::ranges::any_of(demanded_->rules(), same));
}

std::string remedy_for(const rules& in_force, const denial& why, const target& what,
                       path_style paths) {
  return writer{in_force, why, what, paths}.write();
}

} // namespace proxy::policy
