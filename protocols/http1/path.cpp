#include "protocols/http1/path.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"
#include "protocols/utf8.hpp"

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

/// What a segment may be to a server that normalises it (NFKC, "best fit" code pages) or trims it.
enum class likeness : uint8_t { none, dot, blank, parameters, slash, percent };

struct like_range {
  char32_t first, last;
  likeness is;
};

// Sorted. NFKC (UAX #15), Windows' best fit for slashes, and what is invisible.
constexpr like_range likes[] = {
  {U' ', U' ', likeness::blank},
  {U'+', U'+', likeness::blank}, // to servers that decode paths as forms
  {U'.', U'.', likeness::dot},
  {U';', U';', likeness::parameters},
  {0x00A0, 0x00A0, likeness::blank},
  {0x00AD, 0x00AD, likeness::blank},
  {0x037E, 0x037E, likeness::parameters},
  {0x1680, 0x1680, likeness::blank},
  {0x180B, 0x180F, likeness::blank},
  {0x2000, 0x200F, likeness::blank},
  {0x2024, 0x2026, likeness::dot},
  {0x2028, 0x202F, likeness::blank},
  {0x2044, 0x2044, likeness::slash},
  {0x205F, 0x206F, likeness::blank},
  {0x2100, 0x2101, likeness::slash}, // a/c, a/s
  {0x2105, 0x2106, likeness::slash}, // c/o, c/u
  {0x2215, 0x2216, likeness::slash},
  {0x29F5, 0x29F5, likeness::slash},
  {0x29F8, 0x29F9, likeness::slash},
  {0x3000, 0x3000, likeness::blank},
  {0x3002, 0x3002, likeness::dot},
  {0xFE00, 0xFE0F, likeness::blank},
  {0xFE19, 0xFE19, likeness::dot},
  {0xFE30, 0xFE30, likeness::dot},
  {0xFE52, 0xFE52, likeness::dot},
  {0xFE54, 0xFE54, likeness::parameters},
  {0xFE68, 0xFE68, likeness::slash},
  {0xFE6A, 0xFE6A, likeness::percent},
  {0xFEFF, 0xFEFF, likeness::blank},
  {0xFF05, 0xFF05, likeness::percent},
  {0xFF0E, 0xFF0E, likeness::dot},
  {0xFF0F, 0xFF0F, likeness::slash},
  {0xFF1B, 0xFF1B, likeness::parameters},
  {0xFF3C, 0xFF3C, likeness::slash},
  {0xFF61, 0xFF61, likeness::dot},
};

likeness likeness_of(char32_t c) noexcept {
  auto at = std::ranges::lower_bound(likes, c, {}, &like_range::last);
  return at != std::end(likes) && at->first <= c ? at->is : likeness::none;
}

/// Why a character of a path cannot stand behind an escape, or nullptr.
const char* judge_character(char32_t c) noexcept {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0))
    return "an encoded control character in the path";
  if (c == '/' || c == '\\')
    return "an encoded slash or backslash in the path";
  if (auto like = likeness_of(c); like == likeness::slash || like == likeness::percent)
    return "a character in the path that some servers take for a slash or an escape";
  return nullptr;
}

/// Why a second decoding, which some servers do, would change what a segment is; or nullptr.
/// @param segment  In canonical form.
const char* judge_twice_encoded(std::string_view segment) noexcept {
  for (auto at = segment.find("%25"); at != std::string_view::npos;
       at = segment.find("%25", at + 3)) {
    auto behind = segment.substr(at + 2); // as if `5` were the `%`
    auto twice = escaped(behind);
    if (twice &&
        (*twice < 0x20 || *twice >= 0x7F ||
         std::string_view{"./\\%;"}.find(static_cast<char>(*twice)) != std::string_view::npos))
      return "an escape in the path that is encoded twice";
  }
  return nullptr;
}

/// Appends one segment with its escapes in canonical form.
/// @param decoded  Set when a dot was behind an escape.
const char* append_segment(std::string_view segment, std::string& out, bool& decoded) {
  auto start = out.size();
  utf8_decoder text;
  for (size_t i = 0; i < segment.size(); ++i) {
    auto c = segment[i];
    if (c == '\\')
      return "a backslash in the path";
    if (c != '%') {
      if (!text.whole())
        return "escapes in the path that are no UTF-8";
      out += c;
      continue;
    }
    auto byte = escaped(segment.substr(i));
    if (!byte)
      return "a broken escape in the path";
    // Overlong forms of `.` and `/` are no UTF-8 either.
    if (!text.take(*byte))
      return "escapes in the path that are no UTF-8";
    if (text.whole())
      if (auto why = judge_character(text.character()))
        return why;
    decoded = decoded || *byte == '.';
    append_escape(*byte, out);
    i += 2;
  }
  if (!text.whole())
    return "escapes in the path that are no UTF-8";
  return judge_twice_encoded(std::string_view{out}.substr(start));
}

/// The next character of a segment in canonical form, as one who decodes it twice would see it.
char32_t take_character(std::string_view& segment) noexcept {
  utf8_decoder text;
  do {
    auto byte = static_cast<unsigned char>(segment.front());
    size_t size = 1;
    if (byte == '%') {
      byte = escaped(segment).value_or(byte);
      size = 3;
      if (auto twice = escaped(segment.substr(2)); byte == '%' && twice) {
        byte = *twice;
        size = 5;
      }
    }
    segment.remove_prefix(size);
    if (!text.take(byte))
      return 0; // cannot be: the segment was found to be UTF-8, and nothing else is encoded twice
  } while (!text.whole() && !segment.empty());
  return text.character();
}

/// Why a segment could be a dot segment to one server and none to another; or nullptr.
/// @param segment  In canonical form.
/// @param decoded  It holds a dot that was behind an escape.
const char* judge_dots(std::string_view segment, bool decoded) noexcept {
  if (segment.find_first_not_of('.') == std::string_view::npos)
    return decoded ? "an encoded dot segment in the path" : nullptr;
  bool dots = false;
  for (auto rest = segment; !rest.empty();) {
    auto like = likeness_of(take_character(rest));
    if (like == likeness::none)
      return nullptr;
    if (like == likeness::parameters)
      return !dots     ? nullptr
             : decoded ? "an encoded dot segment in the path"
                       : "a dot segment with parameters in the path";
    dots = dots || like == likeness::dot;
  }
  return dots ? "a dot segment with blanks, or with what looks like dots, in the path" : nullptr;
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
    if (auto why = judge_dots(segment, decoded))
      return why;
    if (segment == "." || segment == "..") {
      auto up = segment.size() == 2;
      out.resize(before);
      if (up && !go_up(out))
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
