#include "policy/request_limits.hpp"

#include <algorithm>

#include "policy/query.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy::policy {

namespace {

template <class List, class Test>
bool none_or_any_of(const List& list, Test test) {
  return list.empty() || std::ranges::any_of(list, test);
}

/// What can be compared: a value with bytes beyond visible ASCII never matches.
bool is_text(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c == '\t' || (c >= ' ' && c < 0x7f); });
}

/// Whether a parameter stands in a query and fits wherever it does: a server may take the first,
/// the last, or all of them.
bool fits_parameters(std::string_view query, std::string_view separators,
                     const constraint& wanted) noexcept {
  bool found = false;
  while (auto p = take_parameter(query, separators)) {
    auto name = compare_name(p->name, wanted.name);
    if (name == name_match::other)
      continue;
    if (name == name_match::unclear ||
        !std::ranges::any_of(wanted.values, [&](auto& v) { return v.matches_encoded(p->value); }))
      return false;
    found = found || name == name_match::same;
  }
  return found;
}

/// However a server takes the query apart.
bool fits_query(std::string_view query, const constraint& wanted) noexcept {
  return fits_parameters(query, "&", wanted) &&
         (query.find(';') == std::string_view::npos || fits_parameters(query, "&;", wanted));
}

/// Fields that nobody reads as a list, though they may hold commas (RFC 9110 §5.6.1).
constexpr std::string_view single_fields[] = {
  "authorization",       "cookie",  "date",      "if-modified-since",
  "if-unmodified-since", "referer", "user-agent"};

/// Whether the value of one line fits. A line with commas is the same as several lines (RFC 9110
/// §5.3): then each element has to fit, too, unless what is listed speaks of commas itself.
bool fits_line(const http1::field& f, const constraint& wanted) noexcept {
  auto fits = [&](std::string_view text) {
    return std::ranges::any_of(wanted.values, [&](auto& v) { return v.matches(text); });
  };
  if (!is_text(f.value) || !fits(f.value))
    return false;
  if (f.value.find(',') == std::string_view::npos ||
      std::ranges::any_of(single_fields,
                          [&](auto name) { return ascii::equals_ignoring_case(name, f.name); }) ||
      std::ranges::any_of(wanted.values,
                          [&](auto& v) { return v.names_commas() && v.matches(f.value); }))
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
bool fits_fields(std::span<const http1::field> fields, const constraint& wanted) noexcept {
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

/// Whether a parameter may stand in a query with a value that fits, however servers read it.
bool may_fit_parameters(std::string_view query, std::string_view separators,
                        const constraint& wanted) noexcept {
  while (auto p = take_parameter(query, separators))
    if (compare_name(p->name, wanted.name) != name_match::other &&
        none_or_any_of(wanted.values, [&](auto& v) { return v.matches_encoded(p->value); }))
      return true;
  return false;
}

bool may_fit_query(std::string_view query, const constraint& wanted) noexcept {
  return may_fit_parameters(query, "&", wanted) || may_fit_parameters(query, "&;", wanted);
}

bool may_fit_line(std::string_view value, const constraint& wanted) noexcept {
  auto fits = [&](std::string_view text) {
    return std::ranges::any_of(wanted.values, [&](auto& v) { return v.matches(text); });
  };
  if (wanted.values.empty() || !is_text(value) || fits(value))
    return true;
  for (auto rest = value;;) {
    auto comma = rest.find(',');
    if (fits(ascii::trim(rest.substr(0, comma))))
      return true;
    if (comma == std::string_view::npos)
      return false;
    rest.remove_prefix(comma + 1);
  }
}

bool may_fit_fields(std::span<const http1::field> fields, const constraint& wanted) noexcept {
  return std::ranges::any_of(fields, [&](auto& f) {
    return http1::same_variable(f.name, wanted.name) && may_fit_line(f.value, wanted);
  });
}

bool fits_method(const request_limits& limits, std::string_view method) noexcept {
  return none_or_any_of(limits.methods,
                        [&](auto& m) { return ascii::equals_ignoring_case(m, method); });
}

} // namespace

bool admits(const request_limits& limits, const judged_request& request) noexcept {
  auto path = request.path;
  auto names_path = !limits.path_prefixes.empty() || !limits.query.empty();
  if (!fits_method(limits, request.method) || (names_path && !path))
    return false;
  return none_or_any_of(limits.path_prefixes, [&](auto& p) { return p.matches(path->path()); }) &&
         std::all_of(limits.query.begin(), limits.query.end(),
                     [&](auto& wanted) { return fits_query(path->query(), wanted); }) &&
         std::all_of(limits.headers.begin(), limits.headers.end(),
                     [&](auto& wanted) { return fits_fields(request.fields, wanted); });
}

bool may_fit(const request_limits& limits, const judged_request& request) noexcept {
  auto path = request.path;
  return fits_method(limits, request.method) &&
         (!path ||
          (none_or_any_of(limits.path_prefixes, [&](auto& p) { return p.matches(path->path()); }) &&
           std::all_of(limits.query.begin(), limits.query.end(),
                       [&](auto& wanted) { return may_fit_query(path->query(), wanted); }))) &&
         std::all_of(limits.headers.begin(), limits.headers.end(),
                     [&](auto& wanted) { return may_fit_fields(request.fields, wanted); });
}

} // namespace proxy::policy
