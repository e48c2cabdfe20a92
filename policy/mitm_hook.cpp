#include "policy/mitm_hook.hpp"

#include <algorithm>

#include "policy/query.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy::policy {

namespace {

/// Fields whose change would break the framing of the message or send it elsewhere.
constexpr std::string_view own_fields[] = {"connection", "content-length", "host",
                                           "transfer-encoding", "upgrade"};

caf::error refuse(std::string_view why) {
  return caf::make_error(errc::invalid_config, std::string{why});
}

template <class List, class Test>
bool any_of(const List& list, Test test) {
  return std::any_of(std::begin(list), std::end(list), test);
}

/// What can be compared: a value with bytes beyond visible ASCII never matches.
bool is_text(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c == '\t' || (c >= ' ' && c < 0x7f); });
}

/// Whether a parameter stands in a query and fits wherever it does: a server may take the first,
/// the last, or all of them.
bool fits_parameters(std::string_view query, std::string_view separators,
                     const hook_constraint& wanted) noexcept {
  bool found = false;
  while (auto p = take_parameter(query, separators)) {
    auto name = compare_name(p->name, wanted.name);
    if (name == name_match::other)
      continue;
    if (name == name_match::unclear ||
        !any_of(wanted.values, [&](auto& v) { return v.matches_encoded(p->value); }))
      return false;
    found = found || name == name_match::same;
  }
  return found;
}

/// However a server takes the query apart.
bool fits_query(std::string_view query, const hook_constraint& wanted) noexcept {
  return fits_parameters(query, "&", wanted) &&
         (query.find(';') == std::string_view::npos || fits_parameters(query, "&;", wanted));
}

/// Fields that nobody reads as a list, though they may hold commas (RFC 9110 §5.6.1).
constexpr std::string_view single_fields[] = {
  "authorization",       "cookie",  "date",      "if-modified-since",
  "if-unmodified-since", "referer", "user-agent"};

/// Whether the value of one line fits. A line with commas is the same as several lines (RFC 9110
/// §5.3): then each element has to fit, too, unless what is listed speaks of commas itself.
bool fits_line(const http1::field& f, const hook_constraint& wanted) noexcept {
  auto fits = [&](std::string_view text) {
    return any_of(wanted.values, [&](auto& v) { return v.matches(text); });
  };
  if (!is_text(f.value) || !fits(f.value))
    return false;
  if (f.value.find(',') == std::string_view::npos ||
      any_of(single_fields, [&](auto name) { return ascii::equals_ignoring_case(name, f.name); }) ||
      any_of(wanted.values, [&](auto& v) { return v.names_commas() && v.matches(f.value); }))
    return true;
  for (auto rest = f.value;;) {
    auto comma = rest.find(',');
    if (!fits(ascii::trim(rest.substr(0, comma))))
      return false;
    if (comma == std::string_view::npos)
      return true;
    rest.remove_prefix(comma + 1);
  }
}

/// Whether a field is there and fits in each line, whatever the spelling of its name.
bool fits_fields(std::span<const http1::field> fields, const hook_constraint& wanted) noexcept {
  bool found = false;
  for (const auto& f : fields) {
    if (!http1::same_variable(f.name, wanted.name))
      continue;
    if (!wanted.values.empty() && !fits_line(f, wanted))
      return false;
    found = found || ascii::equals_ignoring_case(f.name, wanted.name);
  }
  return found;
}

} // namespace

caf::expected<host> parse_hook_host(std::string_view text) {
  text = ascii::trim(text);
  if (text.empty())
    return refuse("host must not be empty");
  auto name = text.starts_with('[') ? text.substr(1) : text;
  if (name.find_first_of("*?[{}") != std::string_view::npos)
    return refuse("MITM hook hosts must be exact hosts and cannot contain wildcards");
  auto parsed = host::parse(text);
  if (!parsed) {
    auto with_port = authority::parse(text);
    return refuse(with_port && with_port->port ? "a hook holds for every port of its host"
                                               : context_of(parsed.error()));
  }
  if (!parsed->scope().empty())
    return refuse("a hook holds for every zone of its host");
  return parsed;
}

std::string_view judge_field_name(std::string_view name, bool changed) noexcept {
  if (name.empty() || !std::all_of(name.begin(), name.end(), http1::is_token_char))
    return "expected a field name as HTTP writes it";
  if (changed &&
      any_of(own_fields, [&](auto own) { return ascii::equals_ignoring_case(own, name); }))
    return "this field is the proxy's own to set";
  return {};
}

bool admits(const mitm_hook& hook, const hook_request& request) noexcept {
  auto path = request.path;
  return path &&
         any_of(hook.methods,
                [&](auto& m) { return ascii::equals_ignoring_case(m, request.method); }) &&
         any_of(hook.path_prefixes, [&](auto& p) { return p.matches(path->path()); }) &&
         std::all_of(hook.query.begin(), hook.query.end(),
                     [&](auto& wanted) { return fits_query(path->query(), wanted); }) &&
         std::all_of(hook.headers.begin(), hook.headers.end(),
                     [&](auto& wanted) { return fits_fields(request.fields, wanted); });
}

bool removes(const mitm_hook& hook, std::string_view field_name) noexcept {
  auto same = [&](std::string_view name) { return http1::same_variable(name, field_name); };
  return any_of(hook.strip_request_headers, same) ||
         any_of(hook.inject_request_headers, [&](auto& i) { return same(i.name); });
}

} // namespace proxy::policy
