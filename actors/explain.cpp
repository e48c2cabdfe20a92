#include "actors/explain.hpp"

#include <algorithm>
#include <utility>

#include "actors/answers.hpp"
#include "actors/upstream_name.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/grammar.hpp"
#include "protocols/http1/rewrite.hpp"

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

/// Decodes and judges the form of the request as the proxy does.
caf::error read_request(const std::string& head, policy::target& out) {
  http1::request req;
  if (auto err = http1::decode_request(head, {}, req))
    return err;
  http1::request_target target;
  if (auto err = http1::parse_target(req, target))
    return err;
  out.host = std::move(target.host);
  out.port = target.port;
  out.tls = target.https;
  out.method = req.method;
  out.upgrade = out.upgrade || (out.protocol == protocol::http && !req.upgrade.empty());
  return {};
}

caf::error read_plain(const question& q, const address_parts& parts, policy::target& out) {
  auto url = q.address.substr(0, q.address.find('#')); // clients keep fragments to themselves
  if (parts.scheme.empty())
    url.insert(0, "http://");
  out.upgrade = is_any_of(parts.scheme, "ws", "wss");
  return read_request(head_of(q, q.method, url, std::string{parts.authority}), out);
}

caf::error read_tunnel(const question& q, const address_parts& parts, policy::target& out) {
  auto to = tunnel_authority(parts);
  if (!to)
    return std::move(to.error());
  if (out.protocol != protocol::https_connect) {
    out.host = std::move(to->host);
    out.port = *to->port;
    return {};
  }
  auto named = to->host.in_url() + ':' + std::to_string(*to->port);
  return read_request(head_of(q, "CONNECT", named, named), out);
}

protocol protocol_of(const question& q) {
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

explanation start(const policy::rules& in_force, const question* q, const policy::target* what) {
  explanation e;
  auto asked_by = what ? what->protocol : protocol_of(*q);
  e.protocol = policy::to_string(asked_by);
  e.mode = policy::to_string(in_force.mode);
  e.mitm = in_force.mitm && asked_by == protocol::https_connect;
  if (what) {
    e.host = what->host.text();
    e.port = what->port;
    e.method = what->method;
  }
  return e;
}

void set_fault(explanation& e, const caf::error& why) {
  auto code = code_of(why);
  const auto& look = outcome_of(code);
  e.reason = to_string(code);
  e.source.clear(); // no policy says so
  e.status = look.http_status;
  if (e.status == 502 || e.status == 504)
    e.x_proxy_error = look.proxy_status;
  if (e.status == 0)
    return;
  append_fault(e.response, code, context_of(why), {.request_id = {}, .close = false});
}

void set_denial(explanation& e, const policy::target& what, const policy::denial& why) {
  const auto& look = policy::refusal_of(why.reason);
  e.decision = why.decision;
  e.reason = policy::reason_text(why);
  e.source = policy::to_string(why.source);
  e.domain_scope = why.domain_scope;
  e.status = look.status;
  e.x_proxy_error = look.x_proxy_error;
  if (why.rule)
    e.rule = *why.rule;
  append_refusal(e.response, why, what, {.request_id = "-", .close = false});
}

void set_passed(explanation& e) {
  e.reason = policy::to_string(policy::reason::allow);
  e.status = 200;
}

/// The name does not resolve here: the end of it, unless an upstream proxy resolves it.
void set_unresolved(explanation& e, const caf::error& why, bool goes_via_proxy) {
  auto step = to_string(code_of(why)) + ": " + context_of(why);
  if (goes_via_proxy) {
    e.steps.push_back({"resolve", step + "; left to the upstream proxy, judged by name alone"});
    set_passed(e);
  } else {
    set_fault(e, why);
    e.steps.push_back({"resolve", std::move(step)});
  }
}

} // namespace

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
  auto err = out.target.protocol == protocol::http ? read_plain(q, parts, out.target)
                                                   : read_tunnel(q, parts, out.target);
  if (err)
    return err;
  return out;
}

std::string name_to_resolve(const policy::rules& in_force, const policy::target& what) {
  auto judged = policy::evaluate(in_force, what);
  if (!std::holds_alternative<policy::permit>(judged) ||
      !policy::known_addresses(what.host).empty())
    return {};
  return what.host.text();
}

explanation explain(const snapshot& in_force, const asked& what,
                    const caf::expected<std::vector<ip_address>>& found) {
  const auto& rules = *in_force.rules;
  auto e = start(rules, nullptr, &what.target);
  e.words = what.words;
  auto judged = policy::evaluate(rules, what.target, &e.steps);
  if (auto* denial = std::get_if<policy::denial>(&judged)) {
    set_denial(e, what.target, *denial);
    return e;
  }
  auto& permit = std::get<policy::permit>(judged);
  e.decision = policy::decision::allow;
  e.source = policy::to_string(permit.source());
  if (permit.rule())
    e.rule = *permit.rule();
  const auto* via = in_force.upstreams.choose(what.target);
  if (via)
    e.steps.push_back({"upstream_proxy", "via " + name_of(via)});
  e.addresses = policy::known_addresses(what.target.host);
  if (e.addresses.empty()) {
    if (!found) {
      set_unresolved(e, found.error(), via != nullptr);
      return e;
    }
    e.addresses = *found;
  }
  auto vetted = policy::vet(rules, std::move(permit), e.addresses, &e.steps);
  if (auto* denial = std::get_if<policy::denial>(&vetted)) {
    e.rule.reset();
    set_denial(e, what.target, *denial);
    return e;
  }
  set_passed(e);
  return e;
}

explanation explain_fault(const policy::rules& in_force, const question& q, const caf::error& why) {
  auto e = start(in_force, &q, nullptr);
  e.words = words_of(q);
  e.method = q.method;
  set_fault(e, why);
  e.steps.push_back({"request", context_of(why)});
  return e;
}

} // namespace proxy
