#include "config/address.hpp"

#include <algorithm>
#include <caf/make_message.hpp>
#include <charconv>

#include "config/text.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::config {

namespace {

/// Longest path that fits `sockaddr_un::sun_path` with its end.
constexpr size_t max_socket_path = 107;

caf::error invalid(std::string reason) {
  return caf::make_error(errc::invalid_config, std::move(reason));
}

bool is_localhost(std::string_view host) {
  auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return std::ranges::equal(host, std::string_view{"localhost"}, same);
}

caf::expected<listen_address> parse_unix(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos)
    return invalid("expected an absolute path after unix://");
  if (path.size() > max_socket_path)
    return invalid("the path of a unix socket has at most " + std::to_string(max_socket_path) +
                   " bytes");
  return listen_address{.ip = {}, .port = 0, .path = std::string{path}};
}

/// Removes `scheme://` and a lone `/` at the end; what remains is `host[:port]`.
caf::expected<std::string_view> authority_of(std::string_view text) {
  if (auto at = text.find("://"); at != std::string_view::npos) {
    auto scheme = text.substr(0, at);
    // A SOCKS URL is written in many ways; https is not: the listener itself speaks no TLS.
    static constexpr std::string_view known[] = {"http", "socks5", "socks5h"};
    if (std::ranges::find(known, scheme) == std::end(known))
      return invalid("unsupported scheme " + excerpt(scheme) + " in " + excerpt(text));
    text.remove_prefix(at + 3);
  }
  if (text.ends_with('/'))
    text.remove_suffix(1);
  if (text.find_first_of("/?#@") != std::string_view::npos)
    return invalid("expected host:port only, got " + excerpt(text));
  return text;
}

caf::expected<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size())
    return invalid("expected a port from 0 to 65535, got " + excerpt(text));
  return port;
}

caf::expected<std::string> parse_host(std::string_view host, std::string_view text) {
  if (host.empty())
    return invalid("missing host in network proxy address: " + excerpt(text));
  if (is_localhost(host))
    return std::string{"127.0.0.1"};
  if (auto ip = ip_address::parse(host))
    return ip->str();
  return invalid("expected an IP address or localhost, got " + excerpt(host));
}

bool is_loopback(const listen_address& address) {
  auto ip = ip_address::parse(address.ip);
  return ip && (ip->is_v4() ? (ip->low32() >> 24) == 127 : *ip == *ip_address::parse("::1"));
}

struct listener {
  std::string_view key, name, setting;
  bool beyond_loopback;
};

/// Clamps one listener; a message when there is something to say.
std::string clamp(listen_address& address, const listener& what, bool unix_sockets) {
  if (!address.path.empty())
    return {};
  auto asked = to_string(address);
  std::string name{what.name};
  std::string setting{what.setting};
  if (unix_sockets) {
    if (address.ip == "127.0.0.1")
      return {};
    address.ip = "127.0.0.1";
    return "unix socket proxying is enabled; ignoring " + setting + " and clamping " + name +
           " to loopback";
  }
  if (is_loopback(address))
    return {};
  if (what.beyond_loopback)
    return "DANGEROUS: " + name + " listening on non-loopback address " + asked;
  address.ip = "127.0.0.1";
  return name + " requested non-loopback bind (" + asked + "); clamping to " + to_string(address) +
         " (set " + setting + " to override)";
}

} // namespace

caf::expected<listen_address> parse_listen_address(std::string_view text, uint16_t default_port,
                                                   bool unix_socket) {
  text = trim(text);
  if (text.empty())
    return invalid("missing host in network proxy address: " + in_quotes(text));
  if (text.starts_with("unix://"))
    return unix_socket ? parse_unix(text.substr(7))
                       : invalid("unix sockets are for admin_url only");
  if (auto ip = ip_address::parse(text); ip && !ip->is_v4())
    return listen_address{.ip = ip->str(), .port = default_port, .path = {}};
  auto rest = authority_of(text);
  if (!rest)
    return std::move(rest.error());
  std::string_view name = *rest;
  std::optional<std::string_view> port_text;
  if (rest->starts_with('[')) {
    auto close = rest->find(']');
    auto behind = close == std::string_view::npos ? std::string_view{"]"} : rest->substr(close + 1);
    if (!behind.empty() && !behind.starts_with(':'))
      return invalid("expected [ip6] or [ip6]:port, got " + excerpt(text));
    name = rest->substr(1, close - 1);
    if (name.find(':') == std::string_view::npos)
      return invalid("expected an IPv6 address in brackets, got " + excerpt(text));
    if (!behind.empty())
      port_text = behind.substr(1);
  } else if (auto colon = rest->rfind(':'); colon != std::string_view::npos) {
    name = rest->substr(0, colon);
    port_text = rest->substr(colon + 1);
  }
  auto host = parse_host(name, text);
  if (!host)
    return std::move(host.error());
  if (!port_text)
    return listen_address{.ip = std::move(*host), .port = default_port, .path = {}};
  auto port = parse_port(*port_text);
  if (!port)
    return std::move(port.error());
  return listen_address{.ip = std::move(*host), .port = *port, .path = {}};
}

std::string to_string(const listen_address& address) {
  if (!address.path.empty())
    return "unix://" + address.path;
  auto host = address.ip.find(':') == std::string::npos ? address.ip : "[" + address.ip + "]";
  return host + ":" + std::to_string(address.port);
}

std::string url_of(const listen_address& address) {
  return address.path.empty() ? "http://" + to_string(address) : to_string(address);
}

std::vector<clamp_notice> clamp_listeners(proxy_config& config) {
  std::vector<clamp_notice> result;
  auto unix_sockets =
    !config.allow_unix_sockets.empty() || config.dangerously_allow_all_unix_sockets;
  auto apply = [&](listen_address& address, const listener& what) {
    if (auto message = clamp(address, what, unix_sockets); !message.empty())
      result.push_back({what.key, std::move(message)});
  };
  auto beyond_proxy = config.dangerously_allow_non_loopback_proxy;
  auto beyond_admin = config.dangerously_allow_non_loopback_admin;
  apply(config.http,
        {"proxy_url", "HTTP proxy", "dangerously_allow_non_loopback_proxy", beyond_proxy});
  apply(config.socks,
        {"socks_url", "SOCKS5 proxy", "dangerously_allow_non_loopback_proxy", beyond_proxy});
  if (config.admin)
    apply(*config.admin,
          {"admin_url", "admin API", "dangerously_allow_non_loopback_admin", beyond_admin});
  return result;
}

} // namespace proxy::config
