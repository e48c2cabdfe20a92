#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace proxy::http1 {

/// Path and query of a request target in canonical form: two spellings that a server would take for
/// one path are one, and none is left that servers read differently.
struct request_path {
  std::string text;     ///< As it is judged and goes on: the path, then the query with its `?`.
  size_t path_size = 0; ///< How much of `text` is the path.

  [[nodiscard]] std::string_view path() const noexcept {
    return std::string_view{text}.substr(0, path_size);
  }
  /// As received, without `?`; "" when there is none.
  [[nodiscard]] std::string_view query() const noexcept {
    return std::string_view{text}.substr(std::min(path_size + 1, text.size()));
  }
};

/// Brings path and query (`request_target::path`) into canonical form: dot segments and repeated
/// slashes removed, unreserved characters, `:` and `@` decoded, other escapes in upper case (RFC
/// 3986 §5.2.4, §6.2.2). The query stays as it is. `*` stays `*`; no path at all is "/".
/// @param out  Keeps its capacity. Not to be used when something is wrong.
/// @returns nullptr, or what is wrong: a byte that is not visible ASCII, a broken escape, escapes
///          that are no UTF-8 (overlong forms), an encoded slash, backslash, NUL or control
///          character or what normalises to a slash, an encoded dot segment, one with parameters
///          (`..;`) or blanks (`..%20`) or of what looks like dots, a backslash, an escape that is
///          encoded once more (`%252f`), a path that leads above the root or does not begin with a
///          slash, or a fragment.
[[nodiscard]] const char* canonicalise(std::string_view path_and_query, request_path& out);

/// The escapes of a text as `canonicalise` spells them; broken ones stay. For what is compared with
/// canonical paths.
[[nodiscard]] std::string canonical_escapes(std::string_view text);

} // namespace proxy::http1
