#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/value_matcher.hpp"
#include "protocols/http1/message.hpp"
#include "protocols/http1/path.hpp"

/// What a rule or a hook says of requests that are read, beyond where they go.

namespace proxy::policy {

/// A query parameter or header that is asked for.
struct constraint {
  std::string name;
  std::vector<value_matcher> values; ///< One of them must match; headers: none means any value.
  friend bool operator==(const constraint&, const constraint&) = default;
};

/// All of it has to fit; what is empty fits everything.
struct request_limits {
  std::vector<std::string> methods; ///< Upper case.
  std::vector<value_matcher> path_prefixes;
  std::vector<constraint> query;
  std::vector<constraint> headers;

  [[nodiscard]] bool any() const noexcept {
    return !methods.empty() || !path_prefixes.empty() || !query.empty() || looks_at_fields();
  }
  /// Whether the fields of a request decide: they are gathered for rules that look at them alone.
  [[nodiscard]] bool looks_at_fields() const noexcept { return !headers.empty(); }
  friend bool operator==(const request_limits&, const request_limits&) = default;
};

/// What is looked at in a request. Views live as long as it.
struct judged_request {
  std::string_view method;
  const http1::request_path* path = nullptr; ///< nullptr: it has no canonical form.
  /// Those that will be forwarded: a field that a Connection line takes away is not there.
  std::span<const http1::field> fields;
};

/// Whether a request is surely within limits: method, path, query and headers all fit. A field that
/// is not there fits neither here nor below. A request without a canonical path is within none that
/// name a path or query. Where a parameter or header stands
/// more than once, in whatever spelling a server may take for the same, every one has to fit.
[[nodiscard]] bool admits(const request_limits& limits, const judged_request& request) noexcept;

/// Whether some server may take a request for one within limits, for rules that refuse: one
/// occurrence is enough, and what cannot be told fits.
[[nodiscard]] bool may_fit(const request_limits& limits, const judged_request& request) noexcept;

} // namespace proxy::policy
