#include "protocols/first_bytes.hpp"

#include <algorithm>
#include <array>

#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy {

namespace {

using namespace std::string_view_literals;

/// TLS: a record of any type, although only a handshake may begin. OpenSSL lets other records come
/// before the hello.
first_bytes tell_tls(std::string_view in) noexcept {
  constexpr uint8_t least_type = 20, handshake = 22, most_type = 24, tls_major = 3;
  auto type = ascii::byte_at(in, 0);
  if (type == handshake)
    return first_bytes::tls;
  if (type < least_type || type > most_type)
    return first_bytes::other;
  if (in.size() < 2)
    return first_bytes::undecided;
  return ascii::byte_at(in, 1) == tls_major ? first_bytes::tls : first_bytes::other;
}

/// A hello in the form of SSL 2 (RFC 5246 §E.2): a length with its top bit set, the type of the
/// message, and the version that is asked for.
first_bytes tell_ssl2(std::string_view in) noexcept {
  constexpr size_t least = 9, most = 16 * 1024;
  constexpr uint8_t is_hello = 1;
  auto first = ascii::byte_at(in, 0);
  if ((first & 0x80) == 0 || (first & 0x7fu) << 8 > most)
    return first_bytes::other;
  if (in.size() < 2)
    return first_bytes::undecided;
  if (auto size = (first & 0x7fu) << 8 | ascii::byte_at(in, 1); size < least || size > most)
    return first_bytes::other;
  if (in.size() < 3)
    return first_bytes::undecided;
  if (ascii::byte_at(in, 2) != is_hello)
    return first_bytes::other;
  if (in.size() < 4)
    return first_bytes::undecided;
  auto major = ascii::byte_at(in, 3);
  return major == 3 || major == 0 ? first_bytes::tls : first_bytes::other; // SSL 2 itself is 0.2
}

/// Whitespace as the most lenient readers have it: RFC 9112 §3 allows VT, FF and bare CR, Python's
/// split() takes more.
bool is_blank(char c) noexcept {
  auto b = static_cast<uint8_t>(c);
  return b == ' ' || (b >= 0x09 && b <= 0x0d && b != '\n') || (b >= 0x1c && b <= 0x1f) ||
         b == 0x85 || b == 0xa0;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool names_http(std::string_view line) noexcept {
  static constexpr auto version = "http/"sv;
  return std::search(line.begin(), line.end(), version.begin(), version.end(),
                     [](char a, char b) { return lower(a) == b; }) != line.end();
}

/// Methods that servers know: behind one of them a target may hold any byte.
bool is_known_method(std::string_view method) noexcept {
  static constexpr std::array known{
    "ACL"sv,       "CHECKOUT"sv, "CONNECT"sv, "COPY"sv,      "DELETE"sv, "GET"sv,
    "HEAD"sv,      "LINK"sv,     "LOCK"sv,    "MERGE"sv,     "MKCOL"sv,  "MKCALENDAR"sv,
    "MOVE"sv,      "OPTIONS"sv,  "PATCH"sv,   "POST"sv,      "PRI"sv,    "PROPFIND"sv,
    "PROPPATCH"sv, "PURGE"sv,    "PUT"sv,     "QUERY"sv,     "REPORT"sv, "SEARCH"sv,
    "SUBSCRIBE"sv, "TRACE"sv,    "UNLINK"sv,  "UNLOCK"sv,    "UPDATE"sv, "VIEW"sv,
    "NOTIFY"sv,    "M-SEARCH"sv, "BIND"sv,    "MKACTIVITY"sv};
  return std::ranges::find(known, method) != known.end();
}

/// Whether what stands behind the first word may be the target of a request. Some servers take any
/// method and any version, or none at all as HTTP/0.9 has it.
bool is_target(std::string_view text) noexcept {
  auto scheme = text.substr(0, text.find("://"));
  auto has_scheme =
    scheme.size() < text.size() && !scheme.empty() && std::ranges::all_of(scheme, [](char c) {
      return (lower(c) >= 'a' && lower(c) <= 'z') || c == '+' || c == '-' || c == '.' ||
             (c >= '0' && c <= '9');
    });
  return text.starts_with('/') || has_scheme;
}

/// Git's own protocol begins with a length in four digits: `0032git-upload-pack /a.git`.
bool is_git(std::string_view word) noexcept {
  return word.size() > 4 && word.substr(4).starts_with("git-");
}

/// Where a line of an unknown method ceases to be a request line; its size when it does not.
size_t find_break(std::string_view method, std::string_view line) noexcept {
  auto breaks = [&](size_t at) {
    return at < method.size() ? !http1::is_token_char(line[at]) && line[at] != '/'
                              : ascii::is_control(line[at]) && !is_blank(line[at]);
  };
  size_t at = 0;
  while (at < line.size() && !breaks(at))
    ++at;
  return at;
}

/// @param line  What has come of the first line that is not empty, without its end.
/// @param whole Its end has come.
first_bytes tell_line(std::string_view line, bool whole) noexcept {
  auto method =
    line.substr(0, static_cast<size_t>(std::ranges::find_if(line, is_blank) - line.begin()));
  auto rest = line.substr(method.size());
  if (method == "PROXY" && !rest.empty())
    return first_bytes::wrapped;
  auto known = is_known_method(method);
  auto sound = known ? line.size() : find_break(method, line);
  if (names_http(line.substr(0, sound)))
    return first_bytes::http;
  if (sound < line.size())
    return first_bytes::other;
  auto target = std::ranges::find_if_not(rest, is_blank) - rest.begin();
  rest.remove_prefix(static_cast<size_t>(target));
  if ((is_target(rest) && !is_git(method)) || (known && rest.starts_with('*')))
    return first_bytes::http;
  return whole ? first_bytes::other : first_bytes::undecided;
}

/// Whether a request stands behind control characters, which Java's server trims.
bool hides_request(std::string_view line) noexcept {
  auto begin = std::ranges::find_if_not(line, ascii::is_control);
  auto text = line.substr(static_cast<size_t>(begin - line.begin()));
  auto end = std::ranges::find_if(text, is_blank);
  return end != text.end() &&
         is_known_method(text.substr(0, static_cast<size_t>(end - text.begin())));
}

/// The preface of PROXY protocol, version 2.
first_bytes tell_preface(std::string_view in) noexcept {
  static constexpr auto signature = "\r\n\r\n\0\r\nQUIT\n"sv;
  if (in.starts_with(signature))
    return first_bytes::wrapped;
  return signature.starts_with(in) ? first_bytes::undecided : first_bytes::other;
}

first_bytes tell(std::string_view in) noexcept {
  for (auto* ask : {tell_tls, tell_ssl2, tell_preface})
    if (auto what = ask(in); what != first_bytes::other)
      return what;
  auto begin = std::ranges::find_if_not(in, [](char c) { return c == '\n' || is_blank(c); });
  auto line = in.substr(static_cast<size_t>(begin - in.begin()));
  if (line.empty())
    return first_bytes::undecided;
  if (ascii::is_control(line[0]))
    return hides_request(line) ? first_bytes::http : first_bytes::other;
  auto end = line.find('\n');
  return tell_line(line.substr(0, end), end != std::string_view::npos);
}

} // namespace

first_bytes tell_first_bytes(std::string_view in, bool over) noexcept {
  if (in.empty())
    return over ? first_bytes::other : first_bytes::undecided;
  auto what = tell(in);
  if (what != first_bytes::undecided)
    return what;
  if (over)
    return first_bytes::other;
  return in.size() < max_undecided_bytes ? what : first_bytes::http;
}

} // namespace proxy
