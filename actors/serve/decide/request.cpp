#include "actors/serve/decide/request.hpp"

#include <array>
#include <charconv>

#include "actors/observe/log/log.hpp"
#include "actors/serve/answer/answers.hpp"
#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/decide/judgement.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/upstream/http2_dial.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "policy/decide.hpp"
#include "protocols/http1/login.hpp"
#include "protocols/http1/rewrite.hpp"
#include "protocols/http1/upgrade.hpp"
#include "protocols/trace_context.hpp"

namespace proxy {

namespace {

bool is_idempotent(std::string_view method) {
  static constexpr std::array methods{std::string_view{"GET"},     std::string_view{"HEAD"},
                                      std::string_view{"OPTIONS"}, std::string_view{"PUT"},
                                      std::string_view{"DELETE"},  std::string_view{"TRACE"}};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

/// RFC 9110 §7.6.2: with Max-Forwards 0 the proxy is the one that answers.
bool ends_here(const http1::request& req) {
  if (req.method != "OPTIONS" && req.method != "TRACE")
    return false;
  auto value = req.find("max-forwards");
  return value && !value->empty() && value->find_first_not_of('0') == std::string_view::npos;
}

own_answer answer_here(const client_end& c, const http1::request& req, const exchange& ex) {
  own_answer answer;
  answer_options options{.request_id = {}, .head_only = false, .close = !may_keep(c, ex)};
  // TRACE would reflect fields that are none of the script's business: the request line is enough.
  auto line = std::string{req.method} + ' ' + std::string{req.target} + " HTTP/1.1\r\n";
  auto trace = req.method == "TRACE";
  append_response(answer.body, 200, trace ? "message/http" : "text/plain", trace ? line : "", "",
                  options);
  return answer;
}

/// What the request line and the fields say; `req` then offers to switch to what we pass on.
void take_over(http1::request& req, exchange& ex) {
  ex.body = req.body;
  ex.content_length = req.content_length;
  ex.to_head = req.method == "HEAD";
  ex.idempotent = is_idempotent(req.method);
  ex.client_1_0 = req.http_1_0;
  ex.keep_alive = req.keep_alive;
  ex.expects_continue = req.expect_continue;
  ex.target.method = req.method;
  ex.logs_in = req.authorization && http1::has_connection_login(req);
  if (req.method != "CONNECT")
    ex.offered = http1::upgrade_offer(req);
  ex.upgrade = !ex.offered.empty();
  req.upgrade = ex.offered;
}

/// What is read switches to WebSocket and to nothing else: what follows another protocol's 101
/// would pass unread. Such an offer is not passed on, as a server that ignores it would have it.
void keep_websocket_alone(http1::request& req, exchange& ex) {
  if (http1::offers_websocket_alone(req))
    return;
  ex.upgrade = false;
  ex.offered.clear();
  req.upgrade = {};
}

/// Where a request inside a tunnel says it goes (RFC 9110 §7.4), and the port of the tunnel.
caf::error find_target_inside(const interception& inside, const http1::request& req,
                              http1::request_target& target) {
  if (req.method == "CONNECT")
    return caf::make_error(errc::unsupported_method,
                           std::string{"CONNECT is not supported inside a tunnel"});
  if (!inside.misdirected.empty())
    return caf::make_error(errc::misdirected, inside.misdirected);
  if (auto err = http1::parse_target(req, target))
    return err;
  if (target.kind == http1::request_target::form::absolute && target.https != inside.tls)
    return caf::make_error(errc::malformed,
                           std::string{inside.tls ? "http URI inside a TLS tunnel"
                                                  : "https URI inside a tunnel without TLS"});
  target.https = inside.tls;
  target.port = inside.tunnel.to().port;
  return caf::none;
}

/// A tunnel that is asked for in the client's stead has come the same way as its request.
void keep_via_lines(const http1::request& req, exchange& ex) {
  if (ex.via && needs_tunnel(ex))
    http1::append_via_lines(req, ex.via_lines);
}

/// What hooks do to the head.
void apply(const policy::mitm_hook& hook, http1::rewrite_options& options,
           std::vector<http1::field>& set) {
  options.strip = hook.strip_request_headers;
  set.clear();
  for (const auto& one : hook.inject_request_headers)
    set.push_back({one.name, one.value.reveal()});
  options.set = set;
}

/// What a request's trailers must not say for a server that adds them to the head: what its hook
/// looked at, takes off and sets.
std::vector<std::string> names_in(const policy::mitm_hook& hook) {
  auto names = hook.strip_request_headers;
  for (const auto& one : hook.inject_request_headers)
    names.push_back(one.name);
  for (const auto& one : hook.headers)
    names.push_back(one.name);
  return names;
}

/// Asks the policy of this moment. Fills in how a request that it lets through goes.
/// @param q  Of `ex.target`.
judgement ask_policy(client_session& c, exchange& ex, const policy::query& q) {
  auto judged = policy::decide(*c.shard.policy->rules, q);
  if (auto* denial = std::get_if<policy::denial>(&judged)) {
    if (auto err = policy::fault_in(*denial))
      return err;
    return std::move(*denial);
  }
  if (auto* question = std::get_if<policy::question>(&judged))
    return std::move(*question);
  ex.via = c.shard.policy->upstreams.choose(ex.target);
  return std::get<policy::permit>(std::move(judged));
}

/// Judges a request by all that it says.
/// @param tunnel  That it came in; nullptr for none.
judgement judge_in_full(client_session& c, const http1::request& req,
                        const http1::request_target& target, exchange& ex, const pass* tunnel,
                        const policy::answer* said) {
  auto& fields = c.shard.fields;
  fields.clear();
  if (policy::reads_fields(*c.shard.policy->rules, ex.target))
    http1::list_forwarded(req, fields);
  return ask_policy(c, ex,
                    {.to = ex.target,
                     .by = asker_of(c),
                     .request = policy::request_facts{target.path, fields, &c.shard.path},
                     .through = tunnel ? &tunnel->to() : nullptr,
                     .answer = said     ? said
                               : tunnel ? answer_inside(tunnel->grant())
                                        : nullptr});
}

/// Writes the head to send of a request that was let through, or answers it here.
judgement prepare(client_session& c, http1::request& req, http1::request_target& target,
                  exchange& ex, policy::permit permit) {
  http1::rewrite_options options{.via = pseudonym_of(c),
                                 .received = c.client.stream() ? "2.0" : ""};
  ex.held_back.clear();
  if (permit.path_judged())
    target.path = c.shard.path.text;
  if (const auto* hook = permit.hook()) {
    apply(*hook, options, c.shard.fields);
    if (ex.body == http1::framing::chunked)
      ex.held_back = names_in(*hook);
    ex.logs_in |= std::ranges::any_of(options.set, http1::is_connection_login);
  }
  if (policy::is_read(*c.shard.policy->rules, ex.target))
    keep_websocket_alone(req, ex);
  options.keep_upgrade = ex.upgrade;
  if (c.spans)
    c.spans->send_on(options, c.shard.fields);
  if (ends_here(req))
    return std::pair{std::move(permit), answer_here(c, req, ex)};
  // Behind an upstream proxy an upgrade goes through a tunnel: the protocol it switches to is the
  // origin's, and must not be the proxy's. So does what came in one.
  if (ex.via && !needs_tunnel(ex))
    http1::rewrite_request_for_proxy(req, target, options, proxy_authorization(*ex.via), ex.head);
  else
    http1::rewrite_request(req, target, options, ex.head);
  keep_via_lines(req, ex);
  return permit;
}

/// Judges a request inside an intercepted tunnel, whose host the policy let through.
judgement judge_inside(client_session& c, http1::request& req, exchange& ex,
                       const policy::answer* said) {
  auto denial = denial_in(c.renew_enclosing());
  if (denial)
    return std::move(*denial);
  const auto& inside = *c.enclosing_tunnel();
  auto method = std::move(ex.target.method);
  ex.target = inside.tunnel.to(); // for the record, whatever it turns out to ask for
  ex.target.protocol = inside.tls ? policy::protocol::https : policy::protocol::http;
  ex.target.method = std::move(method);
  ex.target.upgrade = ex.upgrade;
  ex.target.in_tunnel = true;
  http1::request_target target;
  if (auto err = find_target_inside(inside, req, target))
    return err;
  auto tunnel_host = std::exchange(ex.target.host, target.host);
  auto judged = judge_in_full(c, req, target, ex, &inside.tunnel, said);
  if (auto* permit = std::get_if<policy::permit>(&judged))
    return prepare(c, req, target, ex, std::move(*permit));
  if (std::holds_alternative<caf::error>(judged))
    ex.target.host = std::move(tunnel_host); // what it names is not where it would go
  return judged;
}

} // namespace

judgement judge_target(client_session& c, exchange& ex, const policy::answer* said) {
  return ask_policy(c, ex, {.to = ex.target, .by = asker_of(c), .answer = said});
}

std::string_view pseudonym_of(const client_end& c) noexcept {
  return c.shard.config().via ? std::string_view{c.shard.process->pseudonym} : std::string_view{};
}

namespace {

/// Finds out who asks, where that has to be said (RFC 9110 §11.7), and takes nobody for the one
/// who asked before. The target is read for the record alone.
std::optional<policy::denial> identify(client_session& c, const http1::request& req, exchange& ex) {
  c.known_as.reset();
  if (c.shard.config().socks_users.empty())
    return std::nullopt;
  std::string user;
  auto shown = read_login(req, c.shard.config(), user);
  if (shown == login::right) {
    c.known_as =
      std::make_shared<const identity>(identity{std::move(user), c.shard.policy->config});
    return std::nullopt;
  }
  ex.wrong_login = shown == login::wrong;
  http1::request_target target;
  if (!http1::parse_target(req, target)) {
    ex.target.host = target.host;
    ex.target.port = target.port;
  }
  return client_required();
}

/// Whether this process is at the other end of a client's connection. Asked before its first
/// request is served: by then whoever made it has written down that it did.
bool came_from_us(const client_end& c) {
  const auto& dialled = c.shard.process->dialled;
  if (dialled.empty() || c.from.unix_socket)
    return false;
  auto is_ours = [&](const ip_sockaddr& to) {
    return dialled.contains(
      ends_of(c.from.ip, c.from.port, to.ip().value_or(ip_address{}), to.port()));
  };
  if (is_ours(c.client.local_address()))
    return true;
  auto meant = c.client.translated_address();
  return meant && is_ours(*meant);
}

} // namespace

caf::error check_loop(const client_end& c, const http1::head* head, bool first) {
  const auto& process = *c.shard.process;
  auto named = head && http1::has_passed(*head, process.pseudonym);
  if (!named && !(first && came_from_us(c)))
    return caf::none;
  std::string how = named ? "Via names this proxy" : "this proxy itself has made the connection";
  c.shard.log().warn("msg=loop_detected client={} cause={}", c.from.str(), quoted_text(how));
  return caf::make_error(errc::loop_detected, std::move(how));
}

namespace {

/// What a request inside a refused tunnel gets, whatever it asks for.
policy::denial refuse_again(const refused_tunnel& tunnel, exchange& ex) {
  auto method = std::move(ex.target.method);
  ex.target = tunnel.to;
  ex.target.method = std::move(method);
  return tunnel.why;
}

/// The refusal for a browser that was pointed at one of our own ports. Who it is need not be known:
/// it would be asked in a way that browsers do not take from a web site.
std::optional<policy::denial> refuse_visit(client_session& c, const http1::request& req,
                                           exchange& ex) {
  http1::request_target target;
  if (!req.target.starts_with('/') || form_for(req) != answer_form::html ||
      http1::parse_target(req, target))
    return std::nullopt;
  const auto& rules = *c.shard.policy->rules;
  auto is_ours = [&](const policy::socket_address& own) { return own.port == target.port; };
  if (std::ranges::none_of(rules.own_listeners, is_ours))
    return std::nullopt;
  // Who has not said who it is learns of our own ports alone, and nothing of the lists.
  if (!c.shard.config().socks_users.empty() &&
      !policy::is_own_listener(rules, target.host, target.port))
    return std::nullopt;
  auto to = ex.target;
  to.host = target.host;
  to.port = target.port;
  auto denial = policy::why_not(rules, {.to = to, .by = asker_of(c)});
  if (!denial)
    return std::nullopt; // another host with a port of that number
  ex.target = std::move(to);
  ex.form = answer_form::visit;
  return denial;
}

judgement judge_decoded(client_session& c, exchange& ex, const policy::answer* said) {
  auto& req = c.shard.request;
  if (auto* refused = c.refused())
    return refuse_again(*refused, ex);
  auto first = !c.enclosing_tunnel() && c.requests <= 1;
  if (auto err = check_loop(c, &req, first)) {
    ex.keep_alive &= !first; // a connection of our own goes on leading back to us
    return err;
  }
  if (c.enclosing_tunnel())
    return judge_inside(c, req, ex, said);
  auto connect = req.method == "CONNECT";
  if (connect)
    ex.target.protocol = policy::protocol::https_connect;
  if (auto denial = refuse_visit(c, req, ex))
    return std::move(*denial);
  if (auto denial = identify(c, req, ex))
    return std::move(*denial);
  if (!connect && req.find("x-unix-socket"))
    return judge_socket_request(c, req, ex);
  http1::request_target target;
  if (auto err = http1::parse_target(req, target))
    return err;
  ex.target.host = target.host;
  ex.target.port = target.port;
  if (target.https)
    ex.target.protocol = policy::protocol::https;
  ex.target.upgrade = ex.upgrade;
  auto judged =
    connect ? judge_target(c, ex, said) : judge_in_full(c, req, target, ex, nullptr, said);
  auto* permit = std::get_if<policy::permit>(&judged);
  if (!permit)
    return judged;
  if (!connect)
    return prepare(c, req, target, ex, std::move(*permit));
  keep_via_lines(req, ex);
  return judged;
}

} // namespace

namespace {

/// Tells its spans what a request is, unless whoever sent it records nothing.
void record(client_session& c, const http1::request& req) {
  c.spans->describe(req);
  if (!c.spans->join(c.trace.get()))
    c.spans.reset();
}

} // namespace

judgement judge_head(client_session& c, std::string_view head, exchange& ex,
                     const policy::answer* said) {
  auto& req = c.shard.request;
  const auto& config = c.shard.config();
  http1::head_limits limits{config.limits.max_head_bytes, config.limits.max_header_fields};
  if (auto err = http1::decode_request(head, limits, req))
    return err;
  take_over(req, ex);
  if (!req.traceparent.empty()) {
    auto parent = parse_traceparent(req.traceparent);
    c.trace = parent ? std::make_unique<const trace_context>(*parent) : nullptr;
  }
  if (c.spans)
    record(c, req);
  return judge_decoded(c, ex, said);
}

verdict settle(client_session& c, judgement judged, std::string_view head, exchange& ex) {
  auto keep_head = [&] {
    ex.spare = head;
    return std::move(ex.spare);
  };
  if (auto* permit = std::get_if<policy::permit>(&judged)) {
    ex.granted.emplace(std::move(*permit), c.shard.policy, keep_head());
    return let_through{};
  }
  if (auto* permit = std::get_if<policy::socket_permit>(&judged)) {
    ex.to_socket.emplace(std::move(*permit), c.shard.policy, keep_head());
    return let_through{};
  }
  if (auto* answered = std::get_if<std::pair<policy::permit, own_answer>>(&judged)) {
    ex.granted.emplace(std::move(answered->first), c.shard.policy, keep_head());
    return std::move(answered->second);
  }
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  if (auto* question = std::get_if<policy::question>(&judged)) {
    ex.spare = head;
    return std::move(*question);
  }
  return std::get<caf::error>(std::move(judged));
}

verdict judge_request(client_session& c, std::string_view head, exchange& ex) {
  auto out = settle(c, judge_head(c, head, ex, nullptr), head, ex);
  if (c.spans)
    c.spans->lead_to(ex.target);
  // It is answered by us, now, and keeps no head to be asked later.
  if (auto decoded = !ex.target.method.empty();
      decoded && ex.received().empty() && ex.form == answer_form::usual)
    ex.form = form_for(c.shard.request);
  return out;
}

verdict judge_tunnel_target(client_session& c, exchange& ex) {
  return settle(c, judge_target(c, ex, nullptr), {}, ex);
}

} // namespace proxy
