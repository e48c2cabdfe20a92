#include "config/hooks.hpp"

#include <algorithm>

#include "config/text.hpp"
#include "config/value.hpp"
#include "protocols/ascii.hpp"

namespace proxy::config {

namespace {

using policy::value_matcher;

constexpr std::string_view hook_keys[] = {"host", "match", "actions"};
constexpr std::string_view match_keys[] = {"methods", "path_prefixes", "query", "headers", "body"};
constexpr std::string_view action_keys[] = {"strip_request_headers", "inject_request_headers"};
constexpr std::string_view injection_keys[] = {"name", "prefix", "secret_env_var", "secret_file"};

std::string upper(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = ascii::is_alpha(c) ? static_cast<char>(c & ~0x20) : c;
  return result;
}

/// Reads one table of the list.
class hook_reader {
public:
  hook_reader(const layer& from, std::string name, size_t index, report& out)
    : from_(from), name_(std::move(name) + "[" + std::to_string(index) + "]"),
      said_("network.mitm_hooks[" + std::to_string(index) + "]"), out_(out) {}

  /// Sets `ok` to false when anything is wrong.
  policy::mitm_hook read(const toml::node& node, bool& ok) {
    if (const auto* table = table_of(node, "")) {
      here_ = from_.at(node.source());
      check_keys(*table, "", hook_keys);
      read_host(*table);
      read_match(*table);
      read_actions(*table);
    }
    ok = ok_;
    return std::move(hook_);
  }

private:
  void fail(const place& where, std::string_view part, std::string message, std::string hint = {}) {
    ok_ = false;
    out_.error(where, name_ + std::string{part}, std::move(message), std::move(hint));
  }

  /// "invalid network.mitm_hooks[N].PART: WHY"
  void invalid(const place& where, std::string_view part, const std::string& why) {
    fail(where, part, "invalid " + said_ + std::string{part} + ": " + why);
  }

  place at(const toml::node& node) const { return from_.at(node.source()); }

  const toml::table* table_of(const toml::node& node, std::string_view part) {
    const auto* table = node.as_table();
    if (!table)
      fail(at(node), part, "expected a table, got " + kind_of_secret(node));
    return table;
  }

  template <size_t N>
  void check_keys(const toml::table& table, std::string_view part,
                  const std::string_view (&known)[N]) {
    for (auto&& [key, node] : table) {
      if (std::ranges::find(known, key.str()) != std::end(known))
        continue;
      auto near = nearest(key.str(), {std::begin(known), std::end(known)});
      fail(from_.at(key.source()), std::string{part} + "." + toml_key(key.str()), "unknown key",
           near.empty() ? std::string{} : "did you mean " + near + "?");
    }
  }

  /// Calls `use(text, place)` for each string of the list under a key, if there is one.
  template <class Use>
  void each_string(const toml::table& table, std::string_view key, std::string_view part, Use use) {
    if (const auto* node = table.get(key))
      each_string(*node, part, use);
  }

  template <class Use>
  void each_string(const toml::node& node, std::string_view part, Use use) {
    const auto* list = node.as_array();
    if (!list)
      return fail(at(node), part, "expected a list of strings, got " + kind_of(node));
    for (const auto& element : *list) {
      if (const auto* text = element.as_string())
        use(text->get(), at(element));
      else
        fail(at(element), part, "expected a string, got " + kind_of(element));
    }
  }

  /// A string under a key; "" without it.
  std::string string_of(const toml::table& table, std::string_view key, std::string_view part) {
    const auto* node = table.get(key);
    if (!node)
      return {};
    if (const auto* text = node->as_string())
      return text->get();
    fail(at(*node), std::string{part} + "." + std::string{key},
         "expected a string, got " + kind_of(*node));
    return {};
  }

  void read_host(const toml::table& table) {
    const auto* node = table.get("host");
    auto where = node ? at(*node) : here_;
    auto text = string_of(table, "host", "");
    hook_.where = {text, where.file, where.line, where.column};
    if (node && !node->is_string())
      return;
    auto host = policy::parse_hook_host(text);
    if (host)
      hook_.host = std::move(*host);
    else
      invalid(where, ".host", context_of(host.error()));
  }

  void read_match(const toml::table& hook) {
    const auto* node = hook.get("match");
    const toml::table none;
    const auto* table = node ? table_of(*node, ".match") : &none;
    if (!table)
      return;
    auto where = node ? at(*node) : here_;
    check_keys(*table, ".match", match_keys);
    read_methods(*table, where);
    read_paths(*table, where);
    if (const auto* body = table->get("body"))
      fail(at(*body), ".match.body",
           said_ + ".match.body is reserved for a future release and is not yet supported");
    read_query(*table);
    read_headers(*table);
  }

  /// A list that must be there and hold something.
  void check_filled(const toml::table& table, std::string_view key, const place& where) {
    const auto* node = table.get(key);
    if (node && !(node->is_array() && node->as_array()->empty()))
      return;
    auto part = ".match." + std::string{key};
    fail(node ? at(*node) : where, part, said_ + part + " must not be empty");
  }

  void read_methods(const toml::table& table, const place& where) {
    constexpr std::string_view part = ".match.methods";
    each_string(table, "methods", part, [&](const std::string& text, const place& at_text) {
      auto method = upper(trim(text));
      if (method.empty())
        invalid(at_text, part, "methods must not contain empty entries");
      hook_.methods.push_back(std::move(method));
    });
    check_filled(table, "methods", where);
  }

  void read_paths(const toml::table& table, const place& where) {
    constexpr std::string_view part = ".match.path_prefixes";
    each_string(table, "path_prefixes", part, [&](const std::string& text, const place& at_text) {
      if (auto matcher = parse(text, value_matcher::use::path, at_text, part, ""))
        hook_.path_prefixes.push_back(std::move(*matcher));
    });
    check_filled(table, "path_prefixes", where);
  }

  /// @param context  What stands in front of the reason.
  std::optional<value_matcher> parse(const std::string& text, value_matcher::use as,
                                     const place& where, std::string_view part,
                                     const std::string& context) {
    auto matcher = value_matcher::parse(text, as);
    if (matcher)
      return std::move(*matcher);
    auto why = context_of(matcher.error());
    if (auto pattern = value_matcher::pattern_in(text); pattern && !pattern->empty())
      why = "invalid glob pattern " + excerpt(*pattern) + ": " + why;
    invalid(where, part, context + why);
    return std::nullopt;
  }

  /// Reads the values of one query key or header.
  void read_values(const toml::node& node, std::string_view part, const std::string& context,
                   policy::constraint& into) {
    each_string(node, part, [&](const std::string& text, const place& where) {
      if (auto matcher = parse(text, value_matcher::use::value, where, part, context))
        into.values.push_back(std::move(*matcher));
    });
  }

  void read_query(const toml::table& match) {
    constexpr std::string_view part = ".match.query";
    const auto* node = match.get("query");
    const auto* table = node ? table_of(*node, part) : nullptr;
    if (!table)
      return;
    for (auto&& [key, values] : *table) {
      auto shown = "query key " + excerpt(key.str());
      if (key.str().empty())
        invalid(from_.at(key.source()), part, "query keys must not be empty");
      if (values.is_array() && values.as_array()->empty())
        invalid(at(values), part, shown + " must list at least one allowed value");
      auto& into = hook_.query.emplace_back(policy::constraint{std::string{key.str()}, {}});
      read_values(values, part, "invalid matcher for " + shown + ": ", into);
    }
  }

  void read_headers(const toml::table& match) {
    constexpr std::string_view part = ".match.headers";
    const auto* node = match.get("headers");
    const auto* table = node ? table_of(*node, part) : nullptr;
    if (!table)
      return;
    for (auto&& [key, values] : *table) {
      check_name(key.str(), from_.at(key.source()), part, false);
      auto& into = hook_.headers.emplace_back(policy::constraint{std::string{key.str()}, {}});
      read_values(values, part, "invalid matcher for header " + excerpt(key.str()) + ": ", into);
    }
  }

  void check_name(std::string_view name, const place& where, std::string_view part, bool changed) {
    if (auto why = policy::judge_field_name(name, changed); !why.empty())
      invalid(where, part, "invalid header name " + excerpt(name) + ": " + std::string{why});
  }

  void read_actions(const toml::table& hook) {
    const auto* node = hook.get("actions");
    const auto* table = node ? table_of(*node, ".actions") : nullptr;
    if (!table)
      return;
    check_keys(*table, ".actions", action_keys);
    constexpr std::string_view strip = ".actions.strip_request_headers";
    each_string(*table, "strip_request_headers", strip,
                [&](const std::string& text, const place& where) {
                  check_name(text, where, strip, true);
                  hook_.strip_request_headers.push_back(text);
                });
    constexpr std::string_view inject = ".actions.inject_request_headers";
    const auto* all = table->get("inject_request_headers");
    if (!all)
      return;
    if (!all->is_array())
      return fail(at(*all), inject, "expected a list of tables, got " + kind_of_secret(*all));
    for (const auto& one : *all->as_array())
      if (const auto* injection = table_of(one, inject))
        read_injection(*injection, inject);
  }

  void read_injection(const toml::table& table, std::string_view part) {
    auto where = at(table);
    check_keys(table, part, injection_keys);
    auto before = ok_;
    policy::hook_injection result;
    result.name = string_of(table, "name", part);
    result.where = {result.name, where.file, where.line, where.column};
    result.prefix = string_of(table, "prefix", part);
    result.secret_env_var = string_of(table, "secret_env_var", part);
    result.secret_file = string_of(table, "secret_file", part);
    if (before != ok_)
      return;
    check_name(result.name, where, part, true);
    auto why =
      judge_source(result, table.contains("secret_env_var"), table.contains("secret_file"));
    if (!why.empty())
      invalid(where, part, why);
    hook_.inject_request_headers.push_back(std::move(result));
  }

  static std::string judge_source(const policy::hook_injection& of, bool by_env, bool by_file) {
    if (by_env && trim(of.secret_env_var).empty())
      return "secret_env_var must not be empty";
    if (by_file && trim(of.secret_file).empty())
      return "secret_file must not be empty";
    if (by_file && !of.secret_file.starts_with('/'))
      return "secret_file must be an absolute path: " + excerpt(of.secret_file);
    if (by_env == by_file)
      return "expected exactly one of secret_env_var or secret_file";
    if ((of.secret_env_var + of.secret_file).find('\0') != std::string::npos)
      return "must not contain NUL";
    return {};
  }

  const layer& from_;
  std::string name_; ///< The hook as keys of problems name it.
  std::string said_; ///< The hook as messages name it, in every layout.
  report& out_;
  place here_;
  policy::mitm_hook hook_;
  bool ok_ = true;
};

} // namespace

std::vector<policy::mitm_hook> read_hooks(const layer& from, const toml::node& node,
                                          const std::string& name, report& out) {
  std::vector<policy::mitm_hook> result;
  const auto* list = node.as_array();
  if (!list) {
    out.error(from.at(node.source()), name, "expected a list of tables, got " + kind_of(node));
    return result;
  }
  for (size_t i = 0; i < list->size(); ++i) {
    bool ok = true;
    auto hook = hook_reader{from, name, i, out}.read((*list)[i], ok);
    if (ok)
      result.push_back(std::move(hook));
  }
  return result;
}

} // namespace proxy::config
