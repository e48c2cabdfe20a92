#include <algorithm>
#include <string>
#include <utility>

#include "protocols/http1/grammar.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy::http1 {

namespace {

caf::error malformed(std::string_view what) {
  return caf::make_error(errc::malformed, std::string{what});
}

/// Of a scheme that is refused by name.
constexpr size_t max_shown_scheme = 32;

struct scheme {
  std::string_view prefix;
  bool https;
};

constexpr scheme schemes[] = {
  {"http://", false},
  {"https://", true},
};

const scheme* scheme_of(std::string_view target) noexcept {
  for (const auto& s : schemes)
    if (target.starts_with(s.prefix) ||
        ascii::equals_ignoring_case(target.substr(0, s.prefix.size()), s.prefix))
      return &s;
  return nullptr;
}

/// The scheme of a URI that is none of those; "" when it is no URI. `host:80` is none.
std::string_view foreign_scheme(std::string_view target) noexcept {
  auto colon = target.find(':');
  if (colon == std::string_view::npos || !ascii::is_alpha(target[0]))
    return {};
  auto name = target.substr(0, colon);
  auto behind = target.substr(colon + 1);
  auto fits = std::ranges::all_of(name, [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  auto is_port = behind.empty() || ascii::is_digit(behind[0]);
  return fits && !is_port ? name : std::string_view{};
}

uint16_t default_port(bool https) noexcept { return https ? 443 : 80; }

/// Fills host and port from an authority.
caf::error read_authority(std::string_view text, request_target& out) {
  auto parsed = authority::parse(text);
  if (!parsed)
    return std::move(parsed.error());
  out.host = std::move(parsed->host);
  out.explicit_port = parsed->port.has_value();
  out.port = parsed->port.value_or(default_port(out.https));
  return {};
}

/// @param target_authority The authority as the target spells it: when Host has the same bytes,
/// which is the
///                         rule, it needs no parsing.
caf::error compare_host(const request& req, std::string_view target_authority,
                        const request_target& target) {
  auto field = req.find("host");
  if (!field || *field == target_authority)
    return {};
  auto named = authority::parse(*field);
  if (!named)
    return malformed("invalid Host header");
  // The target of CONNECT has no scheme and so no default port that an absent one could stand for.
  auto port = named->port.value_or(
    target.kind == request_target::form::authority ? target.port : default_port(target.https));
  if (named->host != target.host || port != target.port)
    return malformed("Host header does not match request target");
  return {};
}

caf::error parse_authority_form(const request& req, request_target& out) {
  out.kind = request_target::form::authority;
  if (auto err = read_authority(req.target, out))
    return err;
  if (!out.explicit_port)
    return malformed("CONNECT target without a port");
  return compare_host(req, req.target, out);
}

/// Where the authority of an absolute-form target ends, its scheme taken off.
size_t authority_end(std::string_view rest) noexcept {
  auto slash = std::min(rest.find('/'), rest.size());
  return std::min(rest.substr(0, slash).find('?'), slash);
}

caf::error parse_absolute_form(const request& req, const scheme& s, request_target& out) {
  out.kind = request_target::form::absolute;
  out.https = s.https;
  auto rest = req.target.substr(s.prefix.size());
  auto end = authority_end(rest);
  auto text = rest.substr(0, end);
  out.path = rest.substr(end);
  if (out.path.empty())
    out.path = req.method == "OPTIONS" ? "*" : "/"; // RFC 9112 §3.2.4
  if (auto err = read_authority(text, out))
    return err;
  return compare_host(req, text, out);
}

/// Origin-form and `*`: Host alone says where to.
caf::error parse_by_host(const request& req, request_target::form kind, request_target& out) {
  out.kind = kind;
  out.path = req.target;
  auto host = req.find("host");
  if (!host)
    return malformed("missing Host");
  return read_authority(*host, out) ? malformed("invalid Host header") : caf::error{};
}

/// What no target may hold.
caf::error check_characters(std::string_view target) {
  if (!is_visible_ascii(target))
    return malformed("bad character in the request target");
  if (target.find('#') != std::string_view::npos)
    return malformed("fragment in the request target");
  return {};
}

} // namespace

caf::expected<std::string> path_of_target(const request& req) {
  if (auto err = check_characters(req.target))
    return err;
  if (req.target.starts_with('/') || (req.target == "*" && req.method == "OPTIONS"))
    return std::string{req.target};
  auto s = scheme_of(req.target);
  if (!s)
    return malformed("request target of unknown form");
  auto rest = req.target.substr(s->prefix.size());
  std::string path{rest.substr(authority_end(rest))};
  if (!path.starts_with('/'))
    path.insert(0, "/");
  return path;
}

caf::error parse_target(const request& req, request_target& out) {
  out = {};
  if (auto err = check_characters(req.target))
    return err;
  if (req.method == "CONNECT")
    return parse_authority_form(req, out);
  if (auto s = scheme_of(req.target))
    return parse_absolute_form(req, *s, out);
  if (req.target.starts_with('/'))
    return parse_by_host(req, request_target::form::origin, out);
  if (req.target == "*" && req.method == "OPTIONS")
    return parse_by_host(req, request_target::form::asterisk, out);
  if (auto name = foreign_scheme(req.target); !name.empty())
    return malformed("the request target is a URI of the scheme " +
                     std::string{name.substr(0, max_shown_scheme)} +
                     ", and this proxy serves http and https");
  return malformed("request target of unknown form");
}

} // namespace proxy::http1
