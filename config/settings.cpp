#include "config/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/client_certificates.hpp"
#include "config/hooks.hpp"
#include "config/telemetry_tables.hpp"
#include "config/text.hpp"
#include "config/value.hpp"
#include "policy/domain_pattern.hpp"

namespace proxy::config {

namespace {

bool is_socket_path(std::string_view path) {
  return path.starts_with('/') && path.find('\0') == std::string_view::npos;
}

/// Whether its value is a table.
bool is_map(const key& k) {
  return k.as == form::domain_map || k.as == form::socket_map || k.as == form::users ||
         k.as == form::headers || k.as == form::texts;
}

/// `ip`, `ip:port` or `[ip6]:port`.
bool is_server(const std::string& text) {
  auto host = authority::parse(text);
  return ip_address::parse(text) || (host && host->host.ip());
}

/// Reads one of our tables in one layer.
class table_reader {
public:
  table_reader(const layer& from, table_kind table, const std::string& profile, settings& into,
               report& out)
    : from_(from), table_(table), profile_(profile),
      here_(table == table_kind::profile ? network_table(profile) : "network_proxy"),
      // What the managed layer says in the older layout binds whoever selects a profile, too.
      reads_network_(table == table_kind::profile || profile.empty() ||
                     from.from == layer::kind::managed),
      into_(into), out_(out) {}

  /// Reads the table at `path` of the layer, if it has one.
  void read_at(std::initializer_list<std::string_view> path) {
    const auto* node = find_node(from_, path);
    if (!node)
      return;
    if (const auto* table = node->as_table())
      read(*table);
    else
      out_.error(from_.at(node->source()), here_, "expected a table, got " + kind_of(*node));
  }

private:
  void read(const toml::table& table, const std::string& prefix = {}) {
    for (auto&& [name, node] : table) {
      auto full = prefix + std::string{name.str()};
      const auto& names = names_in(table_);
      if (auto found = names.find(full); found != names.end())
        read_key(*found->second, full, name, node);
      else if (is_group(full))
        read_group(full, name, node);
      else
        unknown(prefix, name, node);
    }
  }

  [[nodiscard]] bool is_group(const std::string& name) const {
    const auto& names = names_in(table_);
    auto at = names.lower_bound(name + ".");
    return at != names.end() && at->first.starts_with(name + ".");
  }

  void read_group(const std::string& full, const toml::key& name, const toml::node& node) {
    if (const auto* table = node.as_table())
      read(*table, full + ".");
    else if (full == "mitm" && node.is_boolean())
      read_key(key_named("mitm.enabled"), full, name, node);
    else
      out_.error(from_.at(node.source()), shown(full), "expected a table, got " + kind_of(node));
  }

  void read_key(const key& k, const std::string& full, const toml::key& name,
                const toml::node& node) {
    if (!reads_network_ && k.in != scope::daemon) {
      out_.warning(from_.at(name.source()), shown(full),
                   "is not read: default_permissions selects a profile, whose network table says "
                   "what is allowed");
      return;
    }
    name_ = shown(full);
    switch (k.as) {
      case form::domain_map:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        read_map(node, into_.domains, true);
        return;
      case form::socket_map:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        read_map(node, into_.unix_sockets, false);
        return;
      case form::users: read_users(k, node); return;
      case form::hooks:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        into_.config.mitm_hooks = read_hooks(from_, node, name_, out_);
        return;
      case form::headers:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        into_.config.otel.headers = read_headers(from_, node, name_, out_);
        return;
      case form::texts:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        into_.config.otel.attributes = read_attributes(from_, node, name_, out_);
        return;
      case form::certificates:
        into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
        into_.config.client_certificates = read_client_certificates(from_, node, name_, out_);
        return;
      default: break;
    }
    if (auto failure = read_value(k, node, from_.directory, into_.config); !failure.empty())
      return out_.error(from_.at(node.source()), name_, failure);
    into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
    auto ref = k.at(into_.config);
    if (auto* rules = std::get_if<std::vector<policy::placed_text>*>(&ref))
      **rules = read_patterns(node);
    else if (auto* strings = std::get_if<std::vector<std::string>*>(&ref))
      **strings = read_strings(k, node);
  }

  /// Calls `use(text, rule, name of the element)` for each string of a list.
  template <class Use>
  void each_string(const toml::node& node, Use use) {
    const auto* list = node.as_array();
    if (!list)
      return out_.error(from_.at(node.source()), name_,
                        "expected a list of strings, got " + kind_of(node));
    size_t index = 0;
    for (const auto& element : *list) {
      auto name = name_ + "[" + std::to_string(index++) + "]";
      auto where = from_.at(element.source());
      if (const auto* text = element.as_string())
        use(text->get(), policy::placed_text{text->get(), where.file, where.line, where.column},
            name);
      else
        out_.error(where, name, "expected a string, got " + kind_of(element));
    }
  }

  std::vector<policy::placed_text> read_patterns(const toml::node& node) {
    std::vector<policy::placed_text> result;
    each_string(node,
                [&](const std::string& text, policy::placed_text rule, const std::string& name) {
                  rule.text = std::string{trim(text)};
                  if (check_pattern(rule, name))
                    result.push_back(std::move(rule));
                });
    return result;
  }

  std::vector<std::string> read_strings(const key& k, const toml::node& node) {
    std::vector<std::string> result;
    if (k.as == form::sockets)
      into_.socket_list.clear();
    each_string(
      node, [&](const std::string& text, const policy::placed_text& rule, const std::string& name) {
        if (k.as == form::sockets && !is_socket_path(text))
          return out_.error(at(rule), name,
                            "expected a NUL-free absolute path, got " + excerpt(text));
        if (k.as == form::servers && !is_server(text))
          return out_.error(at(rule), name,
                            "expected ip, ip:port or [ip6]:port, got " + excerpt(text));
        if (k.as == form::sockets)
          into_.socket_list.push_back(rule);
        result.push_back(text);
      });
    return result;
  }

  void read_map(const toml::node& node, entry_map& into, bool domains) {
    const auto* table = node.as_table();
    if (!table)
      return out_.error(from_.at(node.source()), name_, "expected a table, got " + kind_of(node));
    for (auto&& [entry, value] : *table) {
      auto name = name_ + "." + toml_key(entry.str());
      auto where = from_.at(entry.source());
      auto says = read_permission(value);
      if (!says) {
        out_.error(from_.at(value.source()), name,
                   "expected \"allow\", \"deny\" or \"none\", got " + kind_of(value));
        continue;
      }
      auto text = domains ? trim(entry.str()) : entry.str();
      policy::placed_text rule{std::string{text}, where.file, where.line, where.column};
      if (auto normal = domains ? normal_pattern(rule, name) : normal_socket(rule, name, *says))
        put(into, std::move(*normal), {std::move(rule), *says, into_.layers});
    }
  }

  /// A higher layer replaces; within one layer, deny beats allow beats none.
  static void put(entry_map& into, std::string normal, map_entry entry) {
    auto [at, fresh] = into.try_emplace(std::move(normal), entry);
    if (!fresh && (at->second.layer != entry.layer || at->second.says < entry.says))
      at->second = std::move(entry);
  }

  static std::optional<permission> read_permission(const toml::node& node) {
    const auto* text = node.as_string();
    if (text && text->get() == "allow")
      return permission::allow;
    if (text && text->get() == "deny")
      return permission::deny;
    if (text && text->get() == "none")
      return permission::none;
    return std::nullopt;
  }

  std::optional<std::string> normal_pattern(const policy::placed_text& rule,
                                            const std::string& name) {
    auto pattern = policy::domain_pattern::parse(rule.text);
    if (pattern)
      return pattern->str();
    out_.error(at(rule), name, context_of(pattern.error()));
    return std::nullopt;
  }

  bool check_pattern(const policy::placed_text& rule, const std::string& name) {
    return normal_pattern(rule, name).has_value();
  }

  /// Entries that only take away are kept whatever they name.
  std::optional<std::string> normal_socket(const policy::placed_text& rule, const std::string& name,
                                           permission says) {
    if (says != permission::allow || is_socket_path(rule.text))
      return normal_path(rule.text);
    out_.error(at(rule), name, "expected a NUL-free absolute path, got " + excerpt(rule.text));
    return std::nullopt;
  }

  void read_users(const key& k, const toml::node& node) {
    const auto* table = node.as_table();
    if (!table)
      return out_.error(from_.at(node.source()), name_,
                        "expected a table, got " + kind_of_secret(node));
    auto& users = into_.config.socks_users;
    users.clear();
    into_.set_at.insert_or_assign(k.name, from_.at(node.source()));
    for (auto&& [user, value] : *table) {
      auto wrong = read_user(std::string{user.str()}, value, users);
      if (!wrong.empty())
        out_.error(from_.at(value.source()), name_ + "." + toml_key(user.str()), wrong);
    }
  }

  /// @returns what is wrong.
  std::string read_user(std::string name, const toml::node& node, std::vector<socks_user>& into) {
    if (name.empty() || name.size() > 255)
      return "a user name has 1 to 255 bytes";
    std::string source;
    if (auto wrong = read_source(node, from_.directory, source); !wrong.empty())
      return wrong;
    // RFC 7617 §2: the first colon ends the name.
    if (name.find(':') != std::string::npos)
      out_.warning(from_.at(node.source()), name_ + "." + toml_key(name),
                   "a name with a colon can log in over SOCKS5 only");
    into.push_back({std::move(name), std::move(source), {}});
    return {};
  }

  void unknown(const std::string& prefix, const toml::key& name, const toml::node& node) {
    out_.error(from_.at(name.source()), here_ + "." + prefix + toml_key(name.str()), "unknown key",
               out_.full() ? std::string{} : hint_for(prefix, std::string{name.str()}, node));
  }

  /// The table where a key of this name does belong, else the nearest name in this table.
  [[nodiscard]] std::string hint_for(const std::string& prefix, const std::string& name,
                                     const toml::node& node) const {
    for (const auto& k : keys) {
      // A table is no misplaced `timeout`, say, where that is a single value.
      if (k.name.substr(k.name.rfind('.') + 1) == name && (!node.is_table() || is_map(k))) {
        auto full = full_name(k, profile_);
        return "it belongs in [" + full.substr(0, full.size() - name.size() - 1) + "]";
      }
    }
    std::set<std::string> siblings;
    for (const auto& [known, k] : names_in(table_)) {
      if (known.starts_with(prefix))
        siblings.insert(
          known.substr(prefix.size(), known.find('.', prefix.size()) - prefix.size()));
    }
    auto near = nearest(name, {siblings.begin(), siblings.end()});
    return near.empty() ? std::string{} : "did you mean " + near + "?";
  }

  [[nodiscard]] std::string shown(const std::string& name) const { return here_ + "." + name; }

  static place at(const policy::placed_text& rule) { return {rule.file, rule.line, rule.column}; }

  const layer& from_;
  table_kind table_;
  const std::string& profile_;
  std::string here_;   ///< The table as messages name it.
  bool reads_network_; ///< Whether keys of scope network and policy count here.
  settings& into_;
  report& out_;
  std::string name_; ///< The key being read.
};

} // namespace

std::string normal_path(std::string_view path) {
  return std::filesystem::path{path}.lexically_normal().string();
}

place settings::where(std::string_view key) const {
  auto found = set_at.find(key);
  return found == set_at.end() ? place{} : found->second;
}

bool settings::bounds_allowed() const {
  return has("allowed_domains") || std::ranges::any_of(domains, [](const auto& entry) {
           return entry.second.says == permission::allow;
         });
}

void read_layer(const layer& from, const std::string& profile, settings& into, report& out) {
  ++into.layers;
  table_reader{from, table_kind::network_proxy, profile, into, out}.read_at({"network_proxy"});
  if (!profile.empty())
    table_reader{from, table_kind::profile, profile, into, out}.read_at(
      {"permissions", profile, "network"});
}

void merge_maps(settings& into) {
  for (auto& [normal, entry] : into.domains) {
    if (entry.says == permission::allow)
      into.config.allowed_domains.push_back(entry.where);
    else if (entry.says == permission::deny)
      into.config.denied_domains.push_back(entry.where);
  }
  std::erase_if(into.socket_list, [&](const policy::placed_text& r) {
    auto found = into.unix_sockets.find(normal_path(r.text));
    return found != into.unix_sockets.end() && found->second.says == permission::deny;
  });
  for (auto& [normal, entry] : into.unix_sockets) {
    if (entry.says == permission::allow)
      into.socket_list.push_back(entry.where);
  }
  into.config.allow_unix_sockets.clear();
  for (const auto& r : into.socket_list)
    into.config.allow_unix_sockets.push_back(r.text);
  into.config.denied_unix_sockets.clear();
  for (auto& [normal, entry] : into.unix_sockets)
    if (entry.says == permission::deny)
      into.config.denied_unix_sockets.push_back(entry.where.text);
}

} // namespace proxy::config
