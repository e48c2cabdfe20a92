#include "actors/dial.hpp"
#include "actors/http2/dial.hpp"
#include "actors/loop/ask.hpp"
#include "actors/upstream_name.hpp"
#include "protocols/http1/decode.hpp"

namespace proxy {

namespace {

task<caf::expected<std::vector<ip_address>>> addresses_of(connection& c, const host& name) {
  auto known = policy::known_addresses(name);
  if (!known.empty())
    co_return std::move(known);
  auto deadline = c.in(c.timeouts().dns + std::chrono::seconds{1});
  auto answer =
    co_await ask<dns_answer>(&c, c.wakes, deadline, c.shard.resolver, atom::resolve_v, name.text());
  if (!answer)
    co_return std::move(answer.error());
  co_return std::move(answer->addresses);
}

caf::error bad(const upstream_proxy_name& name, const std::string& what) {
  return caf::make_error(errc::bad_response, "upstream proxy " + name.text + ": " + what);
}

/// Asks the upstream proxy for a tunnel (RFC 9110 §9.3.6).
task<caf::error> ask_for_tunnel(connection& c, upstream& u, const exchange& x) {
  upstream_proxy_name name{*x.via};
  auto target = x.target.host.in_url() + ':' + std::to_string(x.target.port);
  auto request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (auto credentials = proxy_authorization(*x.via); !credentials.empty())
    request += "Proxy-Authorization: " + credentials + "\r\n";
  request += "\r\n";
  auto deadline = c.in(c.timeouts().connect);
  auto late = "upstream proxy " + name.text + " does not answer";
  while (!request.empty()) {
    auto sent = u.io.write(request);
    if (sent.ok()) {
      request.erase(0, sent.size);
    } else if (sent.blocked()) {
      if (auto err = co_await wait_dialling(c, x, deadline, late))
        co_return std::move(err);
    } else {
      co_return bad(name, "closed the connection");
    }
  }
  std::string head;
  for (;;) {
    // One byte more than the head belongs to the tunnel already: read no further than its end.
    char byte = 0;
    auto got = u.io.read({&byte, 1});
    if (got.ok()) {
      head += byte;
      if (head.size() > c.shard.config().limits.max_head_bytes)
        co_return bad(name, "sends an endless head");
      if (byte == '\n' && http1::find_head_end(head, head.size() > 4 ? head.size() - 4 : 0))
        break;
    } else if (got.blocked()) {
      if (auto err = co_await wait_dialling(c, x, deadline, late))
        co_return std::move(err);
    } else {
      co_return bad(name, "closed the connection");
    }
  }
  http1::head_limits limits{c.shard.config().limits.max_head_bytes,
                            c.shard.config().limits.max_header_fields};
  auto& res = c.shard.response;
  if (auto err = http1::decode_response(head, limits, false, true, res))
    co_return bad(name, context_of(err));
  if (res.status < 200 || res.status > 299)
    co_return bad(name, "answered " + std::to_string(res.status) + " to CONNECT");
  co_return caf::none;
}

} // namespace

task<caf::expected<std::unique_ptr<upstream>>>
dial_through(connection& c, const exchange& x, const policy::permit&, tls::alpn offer) {
  auto addresses = co_await addresses_of(c, x.via->host);
  if (!addresses)
    co_return std::move(addresses.error());
  if (is_outdated(c, x))
    co_return caf::make_error(errc::policy_changed,
                              "the policy changed while " + name_of(x.via) + " was looked up");
  // By whatever name: going through ourselves would never end.
  for (const auto& address : *addresses)
    if (auto literal = host::parse(address.str());
        literal && policy::is_own_listener(*c.shard.policy->rules, *literal, x.via->port))
      co_return caf::make_error(errc::bad_response,
                                "upstream proxy " + name_of(x.via) + " is this proxy itself");
  auto dialled = co_await connect_any(c, x, *addresses, x.via->port, c.in(c.timeouts().connect));
  if (!dialled)
    co_return std::move(dialled.error());
  auto u = std::move(*dialled);
  if (x.via->tls) {
    auto err = co_await secure(c, x, *u, x.via->host, x.via->port);
    if (err)
      co_return std::move(err);
  }
  if (needs_tunnel(x)) {
    auto err = co_await ask_for_tunnel(c, *u, x);
    if (err)
      co_return std::move(err);
  }
  if (x.target.tls()) {
    auto err = co_await secure(c, x, *u, x.target.host, x.target.port, offer);
    if (err)
      co_return std::move(err);
  }
  u->key = key_of(x);
  co_return std::move(u);
}

} // namespace proxy
