#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace proxy::policy {

/// Takes form-urlencoded text byte by byte, decoded: `+` is a blank, `%41` is "A", a broken escape
/// stands for itself.
class form_reader {
public:
  explicit form_reader(std::string_view encoded) : rest_(encoded) {}
  /// The next byte; nullopt at the end.
  [[nodiscard]] std::optional<char> next() noexcept;
  /// A broken escape was taken: servers read it in several ways (`%u002e`).
  [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
  std::string_view rest_;
  bool broken_ = false;
};

/// Whether form-urlencoded text decodes to `text`. Allocates nothing.
[[nodiscard]] bool decodes_to(std::string_view encoded, std::string_view text) noexcept;

/// One `name=value` of a query, still encoded.
struct query_parameter {
  std::string_view name;
  std::string_view value; ///< "" without `=`.
};

/// Takes the next parameter off the front of a query; empty ones (`&&`) are passed over.
/// @param separators  "&" as forms are written, "&;" as some servers still take them apart.
[[nodiscard]] std::optional<query_parameter>
take_parameter(std::string_view& query, std::string_view separators = "&") noexcept;

/// How the encoded name of a parameter compares with the one that is looked for.
enum class name_match : uint8_t {
  other,
  same,    ///< Decodes to it, byte by byte.
  alike,   ///< Some server takes it for the same: other case (ASP.NET), `name[]` and `[name]` (PHP,
           ///< Rack, qs), blanks around it, dots and blanks for `_` (PHP).
  unclear, ///< Not to be told: no UTF-8, a control character, broken or repeated escapes.
};
[[nodiscard]] name_match compare_name(std::string_view encoded, std::string_view wanted) noexcept;

} // namespace proxy::policy
