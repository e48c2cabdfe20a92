#include "protocols/host.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <idn2.h>
#include <memory>

#include "protocols/ascii.hpp"
#include "protocols/known_word.hpp"

namespace proxy {

namespace {

constexpr size_t max_name = 253;
constexpr size_t max_label = 63;
constexpr size_t max_scope = 32;
/// More than any spelling of a valid name takes: four bytes of UTF-8 for each byte of its A-labels.
constexpr size_t max_input = 4 * max_name;

caf::error malformed(std::string_view reason) {
  return caf::make_error(errc::malformed, "host: " + std::string{reason});
}

/// What each byte of a name becomes: lower case, or NUL where it may not stand in one.
constexpr auto name_chars = [] {
  std::array<char, 256> table{};
  for (int c = 0; c < 128; ++c) {
    auto byte = static_cast<char>(c);
    if (ascii::is_alpha(byte) || ascii::is_digit(byte) || byte == '-' || byte == '_' || byte == '.')
      table[static_cast<size_t>(c)] = ascii::to_lower(byte);
  }
  return table;
}();

char name_char(char c) noexcept { return name_chars[static_cast<unsigned char>(c)]; }

bool is_scope_char(char c) noexcept { return name_char(c) != '\0' || c == '~'; }

/// Whether a label claims to hold punycode, which IDNA then has to confirm (RFC 5890 §2.3.2.1).
bool is_ace_label(std::string_view label) noexcept { return ascii::is<"xn--">(label.substr(0, 4)); }

/// One number of an IPv4 address as inet_aton(3) and URL parsers read it: 0x hexadecimal, 0 octal,
/// else decimal. A bare "0x" is zero.
std::optional<uint32_t> parse_part(std::string_view part) noexcept {
  unsigned base = 10;
  if (part.size() > 1 && part[0] == '0') {
    bool hex = ascii::to_lower(part[1]) == 'x';
    base = hex ? 16 : 8;
    part.remove_prefix(hex ? 2 : 1);
    if (part.empty())
      return 0;
  }
  uint32_t value = 0;
  auto [end, error] =
    std::from_chars(part.data(), part.data() + part.size(), value, static_cast<int>(base));
  // from_chars takes a minus sign for signed types only, so what is left here starts with a digit.
  if (error != std::errc{} || end != part.data() + part.size())
    return std::nullopt;
  return value;
}

/// Whether a name with this last label can only be meant as an IPv4 address: no top-level domain is
/// numeric, and a resolver would read the digits as an address.
bool is_numeric_label(std::string_view label) noexcept {
  if (label.size() > 1 && label[0] == '0' && ascii::to_lower(label[1]) == 'x')
    return std::ranges::all_of(label.substr(2), [](char c) { return ascii::digit_value(c) < 16; });
  return std::ranges::all_of(label, ascii::is_digit);
}

/// One to four parts; the last one fills all octets that the others leave.
std::optional<ip_address> parse_odd_v4(std::string_view text) noexcept {
  uint64_t address = 0;
  for (unsigned part = 0; part < 4; ++part) {
    auto dot = text.find('.');
    auto value = parse_part(text.substr(0, dot));
    if (!value)
      return std::nullopt;
    if (dot == std::string_view::npos) {
      auto free_bits = 32 - 8 * part;
      if (uint64_t{*value} >> free_bits != 0)
        return std::nullopt;
      return ip_address::v4(static_cast<uint32_t>(address << free_bits | *value));
    }
    if (*value > 255)
      return std::nullopt;
    address = address << 8 | *value;
    text.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

/// Maps a name to A-labels (UTS 46, non-transitional).
caf::expected<std::string> to_ascii(const std::string& name, bool plain_ascii) {
  char* mapped = nullptr;
  auto code = idn2_to_ascii_8z(name.c_str(), &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  auto owner = std::unique_ptr<char, decltype(&idn2_free)>{mapped, &idn2_free};
  if (code == IDN2_OK)
    return std::string{mapped};
  // UTS 46 allows symbols and hyphens anywhere where libidn2 follows the narrower IDNA 2008. A name
  // that already is ASCII goes to DNS as it stands, so it has only one reading: let it pass.
  if (plain_ascii &&
      (code == IDN2_DISALLOWED || code == IDN2_2HYPHEN || code == IDN2_HYPHEN_STARTEND))
    return name;
  return malformed(idn2_strerror(code));
}

/// What a pass over a name found.
struct labels {
  const char* fault = nullptr; ///< Why it is no ASCII name; nullptr when it is one.
  bool ace = false;            ///< A label starts with xn--.
  std::string_view last;       ///< The last label.
};

/// Lower-cases `name` and checks its labels, in one pass.
labels read_labels(std::string& name) noexcept {
  labels found;
  size_t start = 0;
  for (size_t at = 0; at <= name.size(); ++at) {
    if (at < name.size() && name[at] != '.') {
      auto c = name_char(name[at]);
      if (c == '\0') {
        found.fault = "character outside letters, digits, hyphen and underscore";
        return found;
      }
      name[at] = c;
      continue;
    }
    found.last = std::string_view{name}.substr(start, at - start);
    if (found.last.empty() || found.last.size() > max_label) {
      found.fault = found.last.empty() ? "empty label" : "label longer than 63 bytes";
      return found;
    }
    found.ace |= is_ace_label(found.last);
    start = at + 1;
  }
  if (name.size() > max_name)
    found.fault = "name longer than 253 bytes";
  return found;
}

/// @returns whether there was one.
bool drop_root_dot(std::string& name) {
  auto rooted = name.ends_with('.');
  if (rooted)
    name.pop_back();
  return rooted;
}

bool is_ascii(std::string_view text) noexcept {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
}

} // namespace

caf::expected<host> host::parse(std::string_view text) {
  text = ascii::trim(text);
  if (text.empty())
    return malformed("empty");
  if (text.size() > max_input)
    return malformed("name longer than 253 bytes");
  if (text.front() == '[' || text.find(':') != std::string_view::npos)
    return parse_v6(text);
  host result;
  auto& name = result.text_;
  name = text;
  result.rooted_ = drop_root_dot(name);
  auto found = read_labels(name);
  if (found.ace || (found.fault && !is_ascii(text))) {
    if (std::ranges::any_of(text, ascii::is_control))
      return malformed("control character");
    auto mapped = to_ascii(name, is_ascii(text));
    if (!mapped)
      return std::move(mapped.error());
    name = std::move(*mapped);
    result.rooted_ |= drop_root_dot(name); // an ideographic full stop has become one
    found = read_labels(name);
  }
  if (found.fault)
    return malformed(name.empty() ? "empty" : found.fault);
  if (is_numeric_label(found.last)) {
    result.ip_ = ip_address::parse(name);
    if (result.ip_)
      return result;
    result.ip_ = parse_odd_v4(name);
    if (!result.ip_)
      return malformed("ends in a number but is no IPv4 address");
    name = result.ip_->str();
  }
  return result;
}

host host::from(const ip_address& ip) {
  host result;
  result.text_ = ip.str();
  result.ip_ = ip;
  return result;
}

caf::expected<host> host::parse_v6(std::string_view text) {
  if (text.front() == '[') {
    if (text.back() != ']')
      return malformed("bracket without its partner");
    text = text.substr(1, text.size() - 2);
  }
  auto percent = text.find('%');
  host result;
  result.ip_ = ip_address::parse(text.substr(0, percent));
  if (!result.ip_ || result.ip_->is_v4())
    return malformed("bad IPv6 literal");
  result.text_ = result.ip_->str();
  if (percent == std::string_view::npos)
    return result;
  auto scope = text.substr(percent + 1);
  // A URL spells the percent sign %25 (RFC 6874 §2).
  if (scope.size() > 2 && scope.starts_with("25"))
    scope.remove_prefix(2);
  if (scope.empty() || scope.size() > max_scope || !std::ranges::all_of(scope, is_scope_char))
    return malformed("bad IPv6 scope");
  result.scope_ = scope;
  return result;
}

bool host::is_localhost() const noexcept {
  return text_ == "localhost" || text_.ends_with(".localhost");
}

std::string host::in_url() const {
  if (!ip_ || ip_->is_v4())
    return text_;
  return '[' + text_ + (scope_.empty() ? "" : "%25" + scope_) + ']';
}

caf::expected<authority> authority::parse(std::string_view text) {
  auto bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos)
    return malformed("bracket without its partner");
  auto colon = text.find(':', bracket);
  // Without brackets `::1:80` has two readings.
  if (colon != text.rfind(':') && colon != std::string_view::npos)
    return malformed("IPv6 literal without brackets");
  auto spelling = text.substr(0, colon);
  if (ascii::trim(spelling).size() != spelling.size())
    return malformed("whitespace beside it");
  auto name = proxy::host::parse(spelling);
  if (!name)
    return std::move(name.error());
  authority result{std::move(*name), std::nullopt};
  if (colon == std::string_view::npos)
    return result;
  auto digits = text.substr(colon + 1);
  unsigned port = 0;
  if (digits.empty() || digits.size() > 5 || !std::ranges::all_of(digits, ascii::is_digit) ||
      std::from_chars(digits.data(), digits.data() + digits.size(), port).ec != std::errc{} ||
      port == 0 || port > 65535)
    return malformed("port outside 1 to 65535");
  result.port = static_cast<uint16_t>(port);
  return result;
}

} // namespace proxy
