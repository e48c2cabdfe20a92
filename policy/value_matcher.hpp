#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "policy/glob.hpp"

namespace proxy::policy {

/// What a hook lists for a path, or for a value of a query parameter or header: `pattern:GLOB`,
/// `literal:TEXT`, or plain text. Only the first prefix counts, so `literal:pattern:*` is the text
/// `pattern:*`.
class value_matcher {
public:
  /// A path: literals match what begins with them, globs the whole path without crossing `/`.
  /// A value: literals and globs match it whole, `/` is like any other byte.
  enum class use : uint8_t { path, value };

  /// @returns errc::invalid_config with the reason: "glob pattern must not be empty", what `glob`
  ///          says, or for a path "path_prefixes must not contain empty entries".
  [[nodiscard]] static caf::expected<value_matcher> parse(std::string_view text, use as);

  /// The GLOB of `pattern:GLOB`; nullopt for literals.
  [[nodiscard]] static std::optional<std::string_view> pattern_in(std::string_view text) noexcept;

  /// Matches a value, or a path in canonical form (`http1::canonicalise`).
  [[nodiscard]] bool matches(std::string_view text) const noexcept;

  /// Matches a value that is still form-urlencoded. A pattern matches text alone: UTF-8 without
  /// control characters and broken escapes. @pre the use is `value`
  [[nodiscard]] bool matches_encoded(std::string_view encoded) const noexcept;

  /// Whether what matches may hold commas on purpose: a literal, or a pattern that has one.
  [[nodiscard]] bool names_commas() const noexcept;

  /// As it was written.
  [[nodiscard]] const std::string& str() const noexcept { return text_; }

  friend bool operator==(const value_matcher& a, const value_matcher& b) {
    return a.use_ == b.use_ && a.text_ == b.text_;
  }

private:
  value_matcher(std::string_view text, use as) : use_(as), text_(text) {}

  use use_;
  std::string text_;
  std::string literal_;
  std::optional<glob> glob_; ///< Instead of `literal_`.
};

} // namespace proxy::policy
