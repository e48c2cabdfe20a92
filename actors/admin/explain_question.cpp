#include <algorithm>
#include <utility>

#include "actors/admin/explain.hpp"
#include "policy/unix_socket.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/rewrite.hpp"
#include "protocols/known_word.hpp"

namespace proxy {

namespace {

using policy::protocol;

caf::error malformed(std::string_view what) {
  return caf::make_error(errc::malformed, std::string{what});
}

/// An address taken apart far enough to know how a client would ask for it.
struct address_parts {
  std::string_view scheme;    ///< Without "://", "" for none.
  std::string_view authority; ///< `host[:port]`
};

address_parts split(std::string_view address) {
  address_parts out;
  if (auto end = address.find("://"); end != std::string_view::npos) {
    out.scheme = address.substr(0, end);
    address.remove_prefix(end + 3);
  }
  out.authority = address.substr(0, address.find_first_of("/?#"));
  return out;
}

bool is_any_of(std::string_view scheme, std::string_view one, std::string_view other) {
  return ascii::equals_ignoring_case(scheme, one) || ascii::equals_ignoring_case(scheme, other);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

/// `host:port` of a tunnel. An address without a scheme and port is meant for HTTPS.
caf::expected<authority> tunnel_authority(const address_parts& parts) {
  auto parsed = authority::parse(parts.authority);
  if (parsed && !parsed->port)
    parsed->port = is_any_of(parts.scheme, "http", "ws") ? 80 : 443;
  return parsed;
}

/// The head that a client would send; what a user gave is checked for line ends before.
std::string head_of(const question& q, std::string_view method, const std::string& target,
                    const std::string& host) {
  auto named = [](const std::string& line) {
    return ascii::equals_ignoring_case(
      ascii::trim(std::string_view{line}.substr(0, line.find(':'))), "host");
  };
  std::string head{method};
  head += ' ' + target + " HTTP/1.1\r\n";
  if (std::none_of(q.headers.begin(), q.headers.end(), named))
    head += "Host: " + host + "\r\n";
  for (auto& line : q.headers)
    head += line + "\r\n";
  return head + "\r\n";
}

/// The request that a client would send inside the tunnel of an https:// or wss:// address; "" for
/// other addresses, and for CONNECT, which asks for the tunnel alone.
std::string head_inside(const question& q, const address_parts& parts) {
  if (q.method == "CONNECT" || !is_any_of(parts.scheme, "https", "wss"))
    return {};
  auto url = std::string_view{q.address}.substr(0, q.address.find('#'));
  url.remove_prefix(parts.scheme.size() + 3 + parts.authority.size());
  auto asked_for = q;
  if (ascii::is<"wss">(parts.scheme))
    asked_for.headers.insert(asked_for.headers.end(),
                             {"Connection: Upgrade", "Upgrade: websocket"});
  return head_of(asked_for, q.method,
                 url.starts_with('/') ? std::string{url} : '/' + std::string{url},
                 std::string{parts.authority});
}

/// Decodes and judges the form of the request as the proxy does.
caf::error read_request(const std::string& head, policy::target& out) {
  http1::request req;
  if (auto err = http1::decode_request(head, {}, req))
    return err;
  if (out.protocol == protocol::http && req.find("x-unix-socket")) {
    out.method = req.method;
    out.upgrade = out.upgrade || !req.upgrade.empty();
    return policy::read_socket_name(req, out);
  }
  http1::request_target target;
  if (auto err = http1::parse_target(req, target))
    return err;
  out.host = std::move(target.host);
  out.port = target.port;
  out.method = req.method;
  if (out.protocol == protocol::http) {
    out.upgrade = out.upgrade || !req.upgrade.empty();
    out.protocol = target.https ? protocol::https : protocol::http;
  }
  return {};
}

caf::error read_plain(const question& q, const address_parts& parts, asked& out) {
  auto url = q.address.substr(0, q.address.find('#')); // clients keep fragments to themselves
  if (parts.scheme.empty())
    url.insert(0, "http://");
  out.target.upgrade = is_any_of(parts.scheme, "ws", "wss");
  if (out.target.upgrade) // a handshake goes through a proxy under the scheme of HTTP
    url.replace(0, 2, "http");
  out.head = head_of(q, q.method, url, std::string{parts.authority});
  return read_request(out.head, out.target);
}

caf::error read_tunnel(const question& q, const address_parts& parts, asked& out) {
  auto to = tunnel_authority(parts);
  if (!to)
    return std::move(to.error());
  if (out.target.protocol != protocol::https_connect) {
    out.target.host = std::move(to->host);
    out.target.port = *to->port;
    return {};
  }
  auto named = to->host.in_url() + ':' + std::to_string(*to->port);
  out.head = head_inside(q, parts);
  auto to_tunnel = q;
  if (!out.head.empty())
    to_tunnel.headers.clear(); // they belong to the request inside
  return read_request(head_of(to_tunnel, "CONNECT", named, named), out.target);
}

} // namespace

policy::protocol protocol_of(const question& q) {
  if (q.protocol)
    return *q.protocol;
  return is_any_of(split(q.address).scheme, "http", "ws") ? protocol::http
                                                          : protocol::https_connect;
}

std::string words_of(const question& q) {
  auto words = q.method + ' ' + q.address;
  std::replace_if(words.begin(), words.end(), is_control, '?');
  return words;
}

std::optional<protocol> protocol_named(std::string_view name) noexcept {
  for (auto p :
       {protocol::http, protocol::https_connect, protocol::socks5_tcp, protocol::socks5_udp})
    if (policy::to_string(p) == name)
      return p;
  return std::nullopt;
}

caf::expected<asked> parse_question(const question& q) {
  if (has_controls(q.address) || has_controls(q.method) ||
      std::any_of(q.headers.begin(), q.headers.end(),
                  [](auto& line) { return has_controls(line); }))
    return malformed("control character in the request");
  if (q.address.empty())
    return malformed("no address");
  auto parts = split(q.address);
  if (!parts.scheme.empty() && !is_any_of(parts.scheme, "http", "https") &&
      !is_any_of(parts.scheme, "ws", "wss"))
    return malformed("unknown scheme");
  asked out;
  out.words = words_of(q);
  out.target.protocol = protocol_of(q);
  auto err =
    out.target.protocol == protocol::http ? read_plain(q, parts, out) : read_tunnel(q, parts, out);
  if (err)
    return err;
  return out;
}

} // namespace proxy
