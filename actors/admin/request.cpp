#include "actors/admin/request.hpp"

#include <openssl/crypto.h>

#include <charconv>

#include "actors/admin/health.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy::admin {

namespace {

/// Pairs in a query; more are not looked at.
constexpr size_t max_pairs = 32;

caf::error malformed(std::string what) { return caf::make_error(errc::malformed, std::move(what)); }

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      auto high = i + 2 < text.size() ? ascii::digit_value(text[i + 1]) : 16;
      auto low = i + 2 < text.size() ? ascii::digit_value(text[i + 2]) : 16;
      if (high > 15 || low > 15)
        return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

/// The API is asked in the form of any server; the others are understood too (RFC 9112 §3.2).
caf::error read_target(const http1::request& req, request& out) {
  auto path = req.target;
  if (auto field = req.find("host"))
    out.host_text = *field;
  // Health checks of load balancers speak HTTP/1.0 without Host.
  if (req.http_1_0 && out.host_text.empty() && path.starts_with('/')) {
    if (path.find('#') != std::string_view::npos)
      return malformed("fragment in the request target");
  } else {
    http1::request_target target;
    if (auto err = http1::parse_target(req, target))
      return err;
    path = target.path;
    out.host = authority{std::move(target.host), target.port};
  }
  auto end = path.find('?');
  out.path = path.substr(0, end);
  if (end == std::string_view::npos)
    return {};
  auto parsed = query::parse(path.substr(end + 1));
  if (!parsed)
    return std::move(parsed.error());
  out.query = std::move(*parsed);
  return {};
}

bool same_secret(std::string_view shown, std::string_view secret) noexcept {
  return shown.size() == secret.size() &&
         CRYPTO_memcmp(shown.data(), secret.data(), secret.size()) == 0;
}

bool shows_token(std::string_view authorization, std::string_view token) noexcept {
  constexpr std::string_view scheme = "Bearer ";
  if (!ascii::equals_ignoring_case(authorization.substr(0, scheme.size()), scheme))
    return false;
  return same_secret(ascii::trim(authorization.substr(scheme.size())), token);
}

bool needs_token(const request& req) noexcept {
  return req.path != "/health" && (!probe_of(req.path) || req.query.find("verbose"));
}

} // namespace

caf::expected<query> query::parse(std::string_view text) {
  query out;
  while (!text.empty() && out.pairs_.size() < max_pairs) {
    auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty())
      continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value)
      return malformed("bad percent-encoding in the query");
    out.pairs_.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string_view> query::find(std::string_view name) const noexcept {
  for (auto& [key, value] : pairs_)
    if (key == name)
      return value;
  return std::nullopt;
}

std::vector<std::string> query::all(std::string_view name) const {
  std::vector<std::string> out;
  for (auto& [key, value] : pairs_)
    if (key == name)
      out.push_back(value);
  return out;
}

caf::expected<uint64_t> query::number(std::string_view name, uint64_t otherwise,
                                      uint64_t highest) const {
  auto text = find(name);
  if (!text)
    return otherwise;
  uint64_t value = 0;
  auto end = text->data() + text->size();
  auto [stop, failure] = std::from_chars(text->data(), end, value);
  if (failure != std::errc{} || stop != end || value > highest)
    return malformed("bad number: " + std::string{name});
  return value;
}

caf::expected<request> read_request(std::string_view head, const http1::head_limits& limits,
                                    http1::request& scratch) {
  if (auto err = http1::decode_request(head, limits, scratch))
    return err;
  request out;
  out.method = scratch.method;
  if (auto err = read_target(scratch, out))
    return err;
  if (auto field = scratch.find("origin"))
    out.origin = std::string{*field};
  out.authorization = scratch.find("authorization").value_or("");
  out.body = scratch.body;
  out.content_length = scratch.content_length;
  out.keep_alive = scratch.keep_alive;
  out.expects_continue = scratch.expect_continue;
  return out;
}

access check_access(const request& req, bool unix_socket, std::string_view token) noexcept {
  // A name that resolves to us without being ours is how DNS rebinding looks; an address cannot be
  // rebound.
  if (!unix_socket && req.host && !req.host->host.ip() && req.host->host.text() != "localhost")
    return access::foreign_host;
  constexpr std::string_view scheme = "http://";
  if (req.origin) {
    std::string_view origin{*req.origin};
    if (!origin.starts_with(scheme) ||
        !ascii::equals_ignoring_case(origin.substr(scheme.size()), req.host_text))
      return access::foreign_origin;
  }
  if (!token.empty() && needs_token(req) && !shows_token(req.authorization, token))
    return access::no_token;
  return access::granted;
}

} // namespace proxy::admin
