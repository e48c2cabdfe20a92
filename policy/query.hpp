#pragma once

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

private:
  std::string_view rest_;
};

/// Whether form-urlencoded text decodes to `text`. Allocates nothing.
[[nodiscard]] bool decodes_to(std::string_view encoded, std::string_view text) noexcept;

/// One `name=value` of a query, still encoded.
struct query_parameter {
  std::string_view name;
  std::string_view value; ///< "" without `=`.
};

/// Takes the next parameter off the front of a query; empty ones (`&&`) are passed over.
[[nodiscard]] std::optional<query_parameter> take_parameter(std::string_view& query) noexcept;

} // namespace proxy::policy
