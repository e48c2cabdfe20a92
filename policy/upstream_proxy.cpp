#include "policy/upstream_proxy.hpp"

#include <algorithm>
#include <charconv>

#include "policy/ip_class.hpp"
#include "protocols/ascii.hpp"
#include "protocols/known_word.hpp"
#include "protocols/percent.hpp"

namespace proxy::policy {

namespace {

/// A value of one of the variables, or why it is ignored.
caf::expected<upstream_proxy> read_proxy(std::string_view text) {
  upstream_proxy out;
  if (auto colon = text.find("://"); colon != std::string_view::npos) {
    auto scheme = text.substr(0, colon);
    out.tls = ascii::is<"https">(scheme);
    if (!out.tls && !ascii::is<"http">(scheme))
      return caf::make_error(errc::invalid_config, std::string{"non-http proxy protocol"});
    text.remove_prefix(colon + 3);
  }
  text = text.substr(0, text.find_first_of("/?#"));
  if (auto at = text.rfind('@'); at != std::string_view::npos) {
    auto credentials = percent_decoded(text.substr(0, at));
    if (!credentials)
      return caf::make_error(errc::invalid_config,
                             std::string{"invalid proxy address (bad credentials)"});
    out.credentials = std::move(*credentials);
    text.remove_prefix(at + 1);
  }
  auto where = authority::parse(text);
  if (!where)
    return caf::make_error(errc::invalid_config,
                           "invalid proxy address (" + context_of(where.error()) + ')');
  out.host = std::move(where->host);
  out.port = where->port.value_or(out.tls ? 443 : 80);
  return out;
}

/// The first usable value.
std::optional<upstream_proxy> first_usable(const std::vector<proxy_environment::variable>& group,
                                           const proxy_environment& env, const rules& in_force,
                                           std::vector<std::string>& warnings) {
  for (auto& [name, value] : group) {
    auto text = ascii::trim(value);
    if (text.empty())
      continue;
    auto ignore = [&, &name = name](const std::string& why) { // clang 14 captures no binding
      warnings.push_back("ignoring " + name + ": " + why);
    };
    if (env.cgi && name == "HTTP_PROXY") {
      ignore("REQUEST_METHOD is set, so it may come from a client's Proxy header");
      continue;
    }
    auto read = read_proxy(text);
    if (!read)
      ignore(context_of(read.error()));
    else if (is_own_listener(in_force, read->host, read->port))
      ignore("it names this proxy itself");
    else
      return std::move(*read);
  }
  return std::nullopt;
}

/// An address or `address/bits`; as in Go, bits beyond the prefix are ignored.
std::optional<ip_network> read_network(std::string_view text) {
  auto slash = text.find('/');
  auto address = ip_address::parse(text.substr(0, slash));
  if (!address)
    return std::nullopt;
  unsigned width = address->is_v4() ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string_view::npos) {
    auto digits = text.substr(slash + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits > width)
      return std::nullopt;
  }
  return ip_network{masked(*address, bits), static_cast<uint8_t>(bits)};
}

/// A v4 address in v6 clothing is compared as v4, as Go does.
ip_address unmapped(const ip_address& address) {
  auto carried = embedded_v4(address);
  auto& bytes = address.bytes();
  bool mapped = carried &&
                std::all_of(bytes.begin(), bytes.begin() + 10, [](auto b) { return b == 0; }) &&
                bytes[10] == 0xFF && bytes[11] == 0xFF;
  return mapped ? *carried : address;
}

} // namespace

no_proxy::no_proxy(std::string_view text) {
  for (;;) {
    auto comma = text.find(',');
    add(ascii::trim(text.substr(0, comma)));
    if (comma == std::string_view::npos)
      return;
    text.remove_prefix(comma + 1);
  }
}

void no_proxy::add(std::string_view text) {
  if (text == "*") {
    everything_ = true;
    return;
  }
  entry e;
  if (text.find('/') != std::string_view::npos) {
    e.network = read_network(text);
    if (e.network)
      entries_.push_back(std::move(e));
    return;
  }
  bool bracketed = text.starts_with('[');
  auto colon = text.rfind(':');
  bool has_port = colon != std::string_view::npos &&
                  (bracketed ? text.rfind(']') < colon : text.find(':') == colon);
  if (has_port) {
    auto digits = text.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), e.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || e.port == 0)
      return;
    text = text.substr(0, colon);
  }
  if (text.starts_with("*."))
    text.remove_prefix(1);
  if (text.starts_with('.')) {
    e.below_only = true;
    text.remove_prefix(1);
  }
  auto name = host::parse(text);
  if (!name)
    return;
  if (name->ip()) {
    auto address = unmapped(*name->ip());
    e.network = ip_network{address, static_cast<uint8_t>(address.is_v4() ? 32 : 128)};
  } else {
    e.name = name->text();
  }
  entries_.push_back(std::move(e));
}

bool no_proxy::matches(const host& h, uint16_t port) const noexcept {
  if (everything_ || h.is_localhost())
    return true;
  std::optional<ip_address> address;
  if (h.ip()) {
    address = unmapped(*h.ip());
    if (classify(*address) == ip_class::loopback)
      return true;
  }
  return std::any_of(entries_.begin(), entries_.end(), [&](const entry& e) {
    if (e.port != 0 && e.port != port)
      return false;
    if (address || e.network)
      return address && e.network && e.network->contains(*address);
    return is_below(h.text(), e.name) || (!e.below_only && h.text() == e.name);
  });
}

upstream_proxies::upstream_proxies(const proxy_environment& env, const rules& in_force,
                                   std::vector<std::string>& warnings)
  : https_(first_usable(env.https, env, in_force, warnings)),
    http_(first_usable(env.http, env, in_force, warnings)), direct_(env.no_proxy) {
  auto all = first_usable(env.all, env, in_force, warnings);
  if (!https_)
    https_ = all;
  if (!http_)
    http_ = std::move(all);
}

const upstream_proxy* upstream_proxies::choose(bool tls, const host& h,
                                               uint16_t port) const noexcept {
  auto& chosen = tls ? https_ : http_;
  return chosen && !direct_.matches(h, port) ? &*chosen : nullptr;
}

const upstream_proxy* upstream_proxies::choose(const target& what) const noexcept {
  if (what.protocol == protocol::socks5_udp)
    return nullptr;
  return choose(what.in_tunnel || what.protocol != protocol::http, what.host, what.port);
}

} // namespace proxy::policy
