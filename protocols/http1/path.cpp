#include "protocols/http1/path.hpp"

#include <optional>

#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

namespace {

constexpr char hex[] = "0123456789ABCDEF";

/// The byte behind the `%` at the front of `text`.
std::optional<unsigned char> escaped(std::string_view text) noexcept {
  if (text.size() < 3)
    return std::nullopt;
  auto high = ascii::digit_value(text[1]);
  auto low = ascii::digit_value(text[2]);
  if (high > 15 || low > 15)
    return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

/// Whether a character means the same with and without an escape: the unreserved ones (RFC 3986
/// §2.3), and `:` and `@`, which delimit nothing in a path.
bool needs_no_escape(unsigned char byte) noexcept {
  auto c = static_cast<char>(byte);
  return ascii::is_alpha(c) || ascii::is_digit(c) ||
         std::string_view{"-._~:@"}.find(c) != std::string_view::npos;
}

void append_escape(unsigned char byte, std::string& out) {
  if (needs_no_escape(byte)) {
    out += static_cast<char>(byte);
    return;
  }
  out += '%';
  out += hex[byte >> 4];
  out += hex[byte & 15];
}

/// Why an escape cannot stand, or nullptr.
/// @param behind  What follows it.
const char* judge_escape(unsigned char byte, std::string_view behind) noexcept {
  if (byte < 0x20 || byte == 0x7f)
    return "an encoded control character in the path";
  if (byte == '/' || byte == '\\')
    return "an encoded slash or backslash in the path";
  if (byte != '%' || behind.size() < 2)
    return nullptr;
  // Some servers decode twice.
  auto high = ascii::digit_value(behind[0]);
  auto low = ascii::digit_value(behind[1]);
  auto twice = high * 16 + low;
  if (high <= 15 && low <= 15 && (twice == '.' || twice == '/' || twice == '\\' || twice == '%'))
    return "an escape in the path that is encoded twice";
  return nullptr;
}

/// Appends one segment with its escapes in canonical form.
/// @param decoded  Set when an escape was resolved.
const char* append_segment(std::string_view segment, std::string& out, bool& decoded) {
  for (size_t i = 0; i < segment.size(); ++i) {
    auto c = segment[i];
    if (c == '\\')
      return "a backslash in the path";
    if (c != '%') {
      out += c;
      continue;
    }
    auto byte = escaped(segment.substr(i));
    if (!byte)
      return "a broken escape in the path";
    if (auto why = judge_escape(*byte, segment.substr(i + 3)))
      return why;
    decoded = decoded || *byte == '.';
    append_escape(*byte, out);
    i += 2;
  }
  return nullptr;
}

/// How many dots a segment is, with or without parameters behind them: 0 for no dot segment.
size_t dots_of(std::string_view segment) noexcept {
  auto dots = std::min(segment.find_first_not_of('.'), segment.size());
  auto behind = segment.substr(dots);
  bool ends = behind.empty() || behind.starts_with(';') || behind.starts_with("%3B");
  return ends && (dots == 1 || dots == 2) ? dots : 0;
}

/// Takes the last segment off a path that ends in a slash.
/// @returns false at the root.
bool go_up(std::string& path) {
  if (path.size() <= 1)
    return false;
  path.pop_back();
  path.resize(path.rfind('/') + 1);
  return true;
}

/// Appends the segments of a path that begins with a slash to `out`, which ends in one.
const char* append_path(std::string_view path, std::string& out) {
  for (size_t start = 1; start <= path.size();) {
    auto end = std::min(path.find('/', start), path.size());
    auto before = out.size();
    bool decoded = false;
    if (auto why = append_segment(path.substr(start, end - start), out, decoded))
      return why;
    auto segment = std::string_view{out}.substr(before);
    if (auto dots = dots_of(segment)) {
      if (decoded)
        return "an encoded dot segment in the path";
      if (segment.size() > dots)
        return "a dot segment with parameters in the path";
      out.resize(before);
      if (dots == 2 && !go_up(out))
        return "the path leads above the root";
    } else if (end < path.size() && !segment.empty()) {
      out += '/';
    }
    start = end + 1;
  }
  return nullptr;
}

} // namespace

const char* canonicalise(std::string_view path_and_query, request_path& out) {
  if (!path_and_query.empty() && !is_visible_ascii(path_and_query))
    return "bytes in the path that are not visible ASCII";
  if (path_and_query.find('#') != std::string_view::npos)
    return "a fragment in the path";
  auto query_at = std::min(path_and_query.find('?'), path_and_query.size());
  auto path = path_and_query.substr(0, query_at);
  out.text.clear();
  if (path == "*") {
    out.text = path;
  } else {
    if (!path.empty() && path.front() != '/')
      return "a path that does not begin with a slash";
    out.text.reserve(path_and_query.size() + 1);
    out.text = "/";
    if (auto why = append_path(path, out.text))
      return why;
  }
  out.path_size = out.text.size();
  out.text += path_and_query.substr(query_at);
  return nullptr;
}

std::string canonical_escapes(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = text[i] == '%' ? escaped(text.substr(i)) : std::nullopt;
    if (!byte) {
      out += text[i];
      continue;
    }
    append_escape(*byte, out);
    i += 2;
  }
  return out;
}

} // namespace proxy::http1
