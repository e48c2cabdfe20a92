#include "actors/dns/search_domains.hpp"
#include "actors/loop/task/ask.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/setting_text.hpp"
#include "actors/serve/upstream/dial.hpp"
#include "actors/serve/upstream/http2_dial.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "protocols/http1/decode.hpp"

namespace proxy {

namespace {

task<caf::expected<std::vector<ip_address>>> addresses_of(client_session& c, const host& name) {
  auto known = policy::known_addresses(name);
  if (!known.empty())
    co_return std::move(known);
  auto began = c.shard.loop.now();
  measured_phase waits{c.shard, phase::dns};
  auto deadline = c.in(c.timeouts().dns + std::chrono::seconds{1});
  auto answer = co_await ask<dns_answer>(&c.self, c.wakes, deadline, c.shard.resolver,
                                         atom::resolve_v, question_for(name));
  count_look_up(c.shard, began, answer);
  if (!answer)
    co_return look_up_error(c, name, std::move(answer.error()));
  co_return std::move(answer->addresses);
}

caf::error bad(const upstream_proxy_name& name, const std::string& what) {
  return caf::make_error(errc::bad_response, "upstream proxy " + name.text + ": " + what);
}

/// The same error, which tells that it is the proxy's and not the target's.
caf::error of_proxy(const upstream_proxy_name& name, const caf::error& why) {
  return caf::make_error(code_of(why), "upstream proxy " + name.text + ": " + context_of(why));
}

/// 1xx responses before the final one. Beyond it the proxy is not understood.
constexpr int max_connect_heads = 32;

/// One read of an answer to CONNECT; most fit.
constexpr size_t answer_read_size = 4096;

/// The request for a tunnel (RFC 9110 §9.3.6): nothing of the client's but the way its request
/// came.
std::string connect_request(const client_end& c, const exchange& ex) {
  // A scope id means nothing beyond this machine (RFC 6874 §3).
  auto v6 = ex.target.host.ip() && !ex.target.host.ip()->is_v4();
  auto name = v6 ? '[' + ex.target.host.text() + ']' : ex.target.host.text();
  auto target = name + ':' + std::to_string(ex.target.port);
  auto request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (auto credentials = proxy_authorization(*ex.via); !credentials.empty())
    request += "Proxy-Authorization: " + credentials + "\r\n";
  request += ex.via_lines;
  if (auto name_of_us = pseudonym_of(c); !name_of_us.empty())
    request.append("Via: 1.1 ").append(name_of_us).append("\r\n");
  return request += "\r\n";
}

task<caf::error> send_request(client_end& c, upstream& u, const exchange& ex,
                              steady_time deadline) {
  upstream_proxy_name name{*ex.via};
  auto late = "upstream proxy " + name.text + " took no request within " + connect_limit(c);
  auto request = connect_request(c, ex);
  while (!request.empty()) {
    auto sent = u.io.write(request);
    if (sent.ok()) {
      request.erase(0, sent.size);
    } else if (sent.blocked()) {
      if (auto err = co_await wait_dialling(c, ex, deadline, late))
        co_return std::move(err);
    } else {
      co_return bad(name, "closed the connection");
    }
  }
  co_return caf::none;
}

/// Reads until `received` begins with a whole response head. @returns its size.
task<caf::expected<size_t>> read_answer(client_end& c, upstream& u, const exchange& ex,
                                        steady_time deadline, std::string& received) {
  upstream_proxy_name name{*ex.via};
  auto late = "upstream proxy " + name.text + " did not answer within " + connect_limit(c);
  auto limit = c.shard.config().limits.max_head_bytes;
  size_t scanned = 0;
  for (;;) {
    auto end = http1::find_head_end(received, scanned);
    if (end.value_or(received.size()) > limit)
      co_return bad(name, "sends an endless head");
    if (end)
      co_return *end;
    scanned = received.size();
    auto buffer = c.shard.loop.scratch().first(answer_read_size);
    auto got = u.io.read(buffer);
    if (got.ok()) {
      received.append(buffer.data(), got.size);
    } else if (got.blocked()) {
      if (auto err = co_await wait_dialling(c, ex, deadline, late))
        co_return std::move(err);
    } else {
      co_return bad(name, received.empty() ? "closed the connection without an answer"
                                           : "closed the connection within its answer");
    }
  }
}

/// Asks the upstream proxy for a tunnel. @returns nothing when `u` is one.
task<caf::error> ask_for_tunnel(client_end& c, upstream& u, const exchange& ex) {
  upstream_proxy_name name{*ex.via};
  const auto& config = c.shard.config();
  http1::head_limits limits{config.limits.max_head_bytes, config.limits.max_header_fields};
  auto deadline = c.in(c.timeouts().connect);
  auto err = co_await send_request(c, u, ex, deadline);
  if (err)
    co_return std::move(err);
  std::string received;
  for (int interim = 0; interim <= max_connect_heads; ++interim) {
    auto size = co_await read_answer(c, u, ex, deadline, received);
    if (!size)
      co_return std::move(size.error());
    auto& res = c.shard.response;
    err =
      http1::decode_response(std::string_view{received}.substr(0, *size), limits, false, true, res);
    if (err)
      co_return bad(name, context_of(err));
    if (res.status == 407)
      co_return caf::make_error(errc::upstream_proxy_login, asks_for_credentials(*ex.via));
    if (res.status > 299 || res.status == 101)
      co_return bad(name, "answered " + std::to_string(res.status) + " to CONNECT");
    received.erase(0, *size);
    if (res.status < 200)
      continue;
    if (ex.target.tls() && !received.empty())
      co_return bad(name, "sends bytes before the TLS handshake");
    u.io.put_back(std::move(received)); // they belong to the tunnel
    co_return caf::none;
  }
  co_return bad(name, "answers nothing but interim responses");
}

} // namespace

task<caf::expected<std::unique_ptr<upstream>>> dial_through(client_session& c, const exchange& ex,
                                                            tls::alpn offer) {
  upstream_proxy_name name{*ex.via};
  auto addresses = co_await addresses_of(c, ex.via->host);
  if (!addresses)
    co_return of_proxy(name, addresses.error());
  if (!ex.granted->look(c.shard.policy))
    co_return caf::make_error(errc::policy_changed,
                              "the policy changed while " + name_of(ex.via) + " was looked up");
  // By whatever name: going through ourselves would never end.
  for (const auto& address : *addresses)
    if (auto literal = host::parse(address.str());
        literal && policy::is_own_listener(*c.shard.policy->rules, *literal, ex.via->port))
      co_return caf::make_error(errc::bad_response,
                                "upstream proxy " + name_of(ex.via) + " is this proxy itself");
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  {
    measured_connect measured{c.shard};
    dialled = co_await connect_any(c, ex, *addresses, ex.via->port, c.in(c.timeouts().connect));
    measured.ended(dialled ? caf::error{} : dialled.error());
  }
  if (!dialled)
    co_return of_proxy(name, dialled.error());
  auto u = std::move(*dialled);
  if (ex.via->tls) {
    auto err = co_await secure(c, ex, *u, ex.via->host, ex.via->port);
    if (err)
      co_return of_proxy(name, err);
  }
  if (needs_tunnel(ex)) {
    auto err = co_await ask_for_tunnel(c, *u, ex);
    if (err)
      co_return std::move(err);
  }
  if (ex.target.tls()) {
    auto err = co_await secure(c, ex, *u, ex.target.host, ex.target.port, offer);
    if (err)
      co_return std::move(err);
  }
  u->key = key_of(ex);
  co_return std::move(u);
}

} // namespace proxy
