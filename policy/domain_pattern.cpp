#include "policy/domain_pattern.hpp"

#include <algorithm>
#include <charconv>

#include "policy/ip_class.hpp"
#include "protocols/ascii.hpp"

namespace proxy::policy {

namespace {

constexpr std::string_view global_wildcard =
  "unsupported global wildcard domain pattern \"*\"; use exact hosts "
  "or scoped wildcards like *.example.com or **.example.com";

caf::error bad_pattern(std::string why) {
  return caf::make_error(errc::invalid_config, std::move(why));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\f\v";
  auto first = text.find_first_not_of(blank);
  return first == std::string_view::npos
           ? std::string_view{}
           : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Decimal digits without a leading zero, 1–65535.
std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || text.front() == '0')
    return std::nullopt;
  return port;
}

struct host_and_port {
  std::string_view host;
  std::optional<std::string_view> port;
};

/// Splits `host:port`, `[v6]:port`, `[v6/bits]:port`; text with several colons and no brackets is
/// one v6 literal.
host_and_port split_port(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return {text, std::nullopt};
  bool bracketed = text.front() == '[';
  bool has_port = bracketed ? text.rfind(']') < colon : text.find(':') == colon;
  if (!has_port)
    return {text, std::nullopt};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// `address/bits` without brackets.
caf::expected<ip_network> parse_network(std::string_view text) {
  auto slash = text.find('/');
  auto base = ip_address::parse(text.substr(0, slash));
  if (!base)
    return bad_pattern(
      "a pattern is a host name, an IP address or an address prefix, never a URL or a path");
  unsigned bits = 0;
  auto digits = text.substr(slash + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  unsigned width = base->is_v4() ? 32 : 128;
  if (error != std::errc{} || end != digits.data() + digits.size() || bits > width ||
      (digits.size() > 1 && digits.front() == '0'))
    return bad_pattern("the prefix length of " + std::string{text} + " is not a number up to " +
                       std::to_string(width));
  return ip_network{*base, static_cast<uint8_t>(bits)};
}

bool is_wildcard(char c) { return c == '*' || c == '?'; }

/// Why a label of a glob does not hold, "" when it does.
std::string_view fault_in_label(std::string_view label) {
  auto is_legal = [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '-' || c == '_' || is_wildcard(c);
  };
  if (label.empty() || label.size() > 63)
    return "a label is empty or longer than 63 characters";
  if (!std::all_of(label.begin(), label.end(), is_legal))
    return "a label has a character other than letters, digits, hyphen, underscore, * and ?";
  if (label.find('*') != std::string_view::npos &&
      std::all_of(label.begin(), label.end(), is_wildcard))
    return "a label of wildcards alone may only stand in front, as *. or **.";
  // Elsewhere it crosses dots, so it would be read as more than it matches here.
  if (label.find("**") != std::string_view::npos)
    return "** may only stand in front, as **. and not beside other characters of a label";
  // `*example.com` is nearly always meant as `*.example.com`, and would let badexample.com in.
  if (label.front() == '*' && label[1] != '-' && label[1] != '_')
    return "a label may not begin with *; put a dot behind it to match what lies below a name";
  return "";
}

bool has_non_ascii(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7F; });
}

/// What is compared must be what is read: a look-alike spelling is shown in the form that will be
/// matched, as a whole pattern that can be copied.
caf::error refuse_non_ascii(const std::string& instead) {
  return bad_pattern("the pattern has characters beyond ASCII; write " + instead);
}

/// A glob with the labels that have no wildcard in the form that will be matched. "" where a label
/// has none: what a wildcard stands for cannot be converted together with the rest.
std::string ascii_glob(std::string_view glob) {
  std::string out;
  for (;;) {
    auto dot = glob.find('.');
    auto label = glob.substr(0, dot);
    if (has_non_ascii(label)) {
      auto name = std::ranges::none_of(label, is_wildcard)
                    ? host::parse(label)
                    : caf::expected<host>{caf::make_error(errc::malformed)};
      if (!name || name->ip())
        return "";
      out += name->text();
    } else {
      out += label;
    }
    if (dot == std::string_view::npos)
      return out;
    out += '.';
    glob.remove_prefix(dot + 1);
  }
}

/// Validates and normalises a glob: labels with `*` or `?` inside.
caf::expected<std::string> parse_glob(std::string_view text) {
  std::string glob{text.ends_with('.') ? text.substr(0, text.size() - 1) : text};
  std::transform(glob.begin(), glob.end(), glob.begin(), ascii::to_lower);
  if (glob.size() > 253)
    return bad_pattern("the pattern is longer than 253 characters");
  for (std::string_view rest = glob;;) {
    auto dot = rest.find('.');
    if (auto fault = fault_in_label(rest.substr(0, dot)); !fault.empty())
      return bad_pattern(std::string{fault});
    if (dot == std::string_view::npos)
      return glob;
    rest.remove_prefix(dot + 1);
  }
}

/// One label against one label of a glob. Only the last `*` is ever retried, so the cost is their
/// product.
bool label_matches(std::string_view glob, std::string_view label) {
  size_t g = 0, l = 0, star = std::string_view::npos, retry = 0;
  while (l < label.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      retry = l;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == label[l])) {
      ++g;
      ++l;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      l = ++retry;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

} // namespace

bool is_below(std::string_view name, std::string_view parent) noexcept {
  return name.size() > parent.size() + 1 && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

bool glob_matches(std::string_view glob, std::string_view name) noexcept {
  for (;;) {
    auto glob_dot = glob.find('.');
    auto name_dot = name.find('.');
    if (!label_matches(glob.substr(0, glob_dot), name.substr(0, name_dot)))
      return false;
    if (glob_dot == std::string_view::npos || name_dot == std::string_view::npos)
      return glob_dot == name_dot;
    glob.remove_prefix(glob_dot + 1);
    name.remove_prefix(name_dot + 1);
  }
}

caf::expected<domain_pattern> domain_pattern::parse(std::string_view text) {
  text = trimmed(text);
  if (text.empty())
    return bad_pattern("the pattern is empty");
  if (text.find("://") != std::string_view::npos)
    return bad_pattern("a pattern is a host name, not a URL; leave out the scheme and the path");
  domain_pattern out;
  auto [rest, port] = split_port(text);
  if (port) {
    out.port_ = parse_port(*port);
    if (!out.port_)
      return bad_pattern("the port is not a number from 1 to 65535");
  }
  if (!rest.empty() && rest.find_first_not_of("*?.[]") == std::string_view::npos &&
      rest.find('*') != std::string_view::npos)
    return bad_pattern(std::string{global_wildcard});
  if (rest.find_first_of("{}") != std::string_view::npos ||
      (rest.find_first_of("[]") != std::string_view::npos &&
       rest.find(':') == std::string_view::npos))
    return bad_pattern("character classes and alternates are not supported");
  auto wrong =
    rest.find('/') != std::string_view::npos ? out.read_network(rest) : out.read_host(rest);
  if (wrong)
    return wrong;
  return out;
}

caf::error domain_pattern::read_network(std::string_view text) {
  std::string bare;
  std::copy_if(text.begin(), text.end(), std::back_inserter(bare),
               [](char c) { return c != '[' && c != ']'; });
  auto written = parse_network(bare);
  if (!written)
    return std::move(written.error());
  kind_ = kind::network;
  network_ = ip_network{masked(written->base, written->bits), written->bits};
  name_ = network_->str();
  if (network_->base != written->base)
    return bad_pattern(bare + " has bits set beyond its prefix; write " + str());
  return {};
}

caf::error domain_pattern::read_host(std::string_view text) {
  if (text.starts_with("**.")) {
    kind_ = kind::apex_and_below;
    text.remove_prefix(3);
  } else if (text.starts_with("*.")) {
    kind_ = kind::below;
    text.remove_prefix(2);
  }
  return std::any_of(text.begin(), text.end(), is_wildcard) ? read_glob(text) : read_name(text);
}

caf::error domain_pattern::read_glob(std::string_view text) {
  if (kind_ != kind::exact)
    return bad_pattern("a second wildcard behind *. or **. is not supported");
  if (has_non_ascii(text)) {
    auto instead = ascii_glob(text);
    if (instead.empty())
      return bad_pattern("a label has both a wildcard and characters beyond ASCII");
    return refuse_non_ascii(port_ ? instead + ':' + std::to_string(*port_) : instead);
  }
  auto glob = parse_glob(text);
  if (!glob)
    return std::move(glob.error());
  kind_ = kind::glob;
  name_ = std::move(*glob);
  return {};
}

caf::error domain_pattern::read_name(std::string_view text) {
  auto name = host::parse(text);
  if (!name)
    return bad_pattern(context_of(name.error()));
  if (!name->ip()) {
    name_ = name->text();
  } else if (kind_ == kind::exact) {
    kind_ = kind::address;
    network_ = ip_network{*name->ip(), static_cast<uint8_t>(name->ip()->is_v4() ? 32 : 128)};
    scope_ = name->scope();
    name_ = name->ip()->str();
  } else {
    return bad_pattern(
      "a wildcard in front of an IP address matches nothing; use an address prefix "
      "like 10.0.0.0/8");
  }
  return has_non_ascii(text) ? refuse_non_ascii(str()) : caf::error{};
}

bool domain_pattern::matches(const host& h, uint16_t port) const noexcept {
  if (port_ && *port_ != port)
    return false;
  // Names and addresses never match each other: `*.1` and `127.0.0.?` are not about 127.0.0.1.
  bool about_address = kind_ == kind::address || kind_ == kind::network;
  if (about_address != h.ip().has_value())
    return false;
  switch (kind_) {
    case kind::exact: return h.text() == name_;
    case kind::below: return is_below(h.text(), name_);
    case kind::apex_and_below: return h.text() == name_ || is_below(h.text(), name_);
    case kind::glob: return glob_matches(name_, h.text());
    case kind::address: return *h.ip() == network_->base && (scope_.empty() || scope_ == h.scope());
    case kind::network: return network_->contains(*h.ip());
  }
  return false;
}

/// Both are about names; ports are compared by the caller.
bool domain_pattern::covers_name(const domain_pattern& inner) const noexcept {
  bool below = is_below(inner.name_, name_);
  bool same = inner.name_ == name_;
  switch (kind_) {
    case kind::exact: return inner.kind_ == kind::exact && same;
    // A glob lies below a name when it ends in that name: its wildcards never cross a dot.
    case kind::below: return below || (same && inner.kind_ == kind::below);
    case kind::apex_and_below: return below || (same && inner.kind_ != kind::glob);
    case kind::glob:
      return (inner.kind_ == kind::glob && same) ||
             (inner.kind_ == kind::exact && glob_matches(name_, inner.name_));
    default: return false;
  }
}

bool domain_pattern::is_within(const domain_pattern& outer) const noexcept {
  if (outer.port_ && outer.port_ != port_)
    return false;
  if (network_.has_value() != outer.network_.has_value())
    return false;
  if (!network_)
    return outer.covers_name(*this);
  bool every_scope = outer.scope_.empty() || outer.scope_ == scope_;
  return every_scope && outer.network_->contains(*network_);
}

std::string domain_pattern::str() const {
  std::string out = kind_ == kind::below ? "*." : kind_ == kind::apex_and_below ? "**." : "";
  out += name_;
  // A zone that begins with 25 would be read as a percent sign in a URL's spelling (see `host`).
  if (!scope_.empty())
    out += (scope_.starts_with("25") && scope_.size() > 2 ? "%25" : "%") + scope_;
  if (!port_)
    return out;
  if (network_ && !network_->base.is_v4())
    out = '[' + out + ']';
  return out + ':' + std::to_string(*port_);
}

} // namespace proxy::policy
