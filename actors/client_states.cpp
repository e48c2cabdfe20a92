#include "actors/client_states.hpp"

#include "actors/association.hpp"
#include "actors/flows.hpp"
#include "actors/socket_dialer.hpp"

namespace proxy {

namespace {

void close(std::unique_ptr<upstream>& u, closing how) noexcept {
  // A reset tells the upstream, too, that what it has is not the whole.
  if (u && how == closing::reset)
    u->io.abort();
  u.reset();
}

/// Whether a request that was read may go on under a new policy, by its head.
std::optional<policy::denial> judge_head(client_session& c, std::string_view head,
                                         bool by_decider) {
  exchange now;
  auto judged = judge_request(c, head, now, by_decider);
  if (std::holds_alternative<policy::permit>(judged) ||
      std::holds_alternative<policy::socket_permit>(judged))
    return std::nullopt;
  auto* error = std::get_if<caf::error>(&judged);
  if (error && code_of(*error) == errc::head_too_large)
    return std::nullopt; // it came while the limit was another
  auto* denial = std::get_if<policy::denial>(&judged);
  auto why = denial ? std::move(*denial) : not_judged();
  why.passed = nullptr; // its host passed when it came
  return why;
}

} // namespace

void describe(const admission& what, connection_info& out) {
  out.protocol = what.to.protocol;
  out.host = what.to.host.text();
  out.port = what.to.port;
  out.rule = what.by_decider ? "decider" : what.rule.text;
  out.rule_file = what.rule.file;
  out.rule_line = what.rule.line;
}

std::optional<policy::denial> judge_tunnel(const snapshot& in_force, const admission& of) {
  if (of.to.protocol == policy::protocol::socks5_tcp && !in_force.config->enable_socks5) {
    policy::denial off;
    off.reason = policy::reason::proxy_disabled;
    off.source = policy::source::proxy_state;
    off.domain_scope = false;
    return off;
  }
  return policy::judge_again(*in_force.rules, of.to, of.connected, of.by_decider, of.intercepted,
                             of.found_as);
}

namespace state {

std::optional<policy::denial> reading::judge(client_session&, const snapshot_ptr&) {
  return std::nullopt;
}

void reading::describe(connection_info& out) const { out.state = "idle"; }

const policy::target* exchanging::subject() const noexcept {
  return request->body != http1::framing::none ? &request->target : nullptr;
}

std::optional<policy::denial> exchanging::judge(client_session& c, const snapshot_ptr& next) {
  if (auto why = judge_head(c, request->received, false))
    return why;
  if (request->target.unix_socket)
    return policy::judge_socket_again(*next->rules, socket_lists_of(*next->config), request->target,
                                      server->key.host);
  if (!server->key.via.empty())
    return std::nullopt;
  return policy::judge_again(*next->rules, request->target, server->address, false, true,
                             server->found_as);
}

void exchanging::describe(connection_info& out) const {
  out.state = "request";
  out.protocol = server->key.tls ? policy::protocol::https : policy::protocol::http;
  out.host = server->key.host;
  out.port = server->key.port;
}

void exchanging::close(closing how) noexcept { proxy::close(server, how); }

std::optional<policy::denial> tunnel::judge(client_session& c, const snapshot_ptr& next) {
  if (auto why = judge_tunnel(*next, *by))
    return why;
  if (!by->head.empty())
    if (auto why = judge_head(c, by->head, by->by_decider))
      return why;
  return inside ? c.judge_inside(next) : std::nullopt;
}

void tunnel::describe(connection_info& out) const {
  out.state = inside ? "intercepted" : "tunnel";
  proxy::describe(*by, out);
}

void tunnel::close(closing how) noexcept { proxy::close(server, how); }

const policy::target* intercepted::subject() const noexcept {
  return request ? &request->request->target : by ? &by->to : nullptr;
}

std::optional<policy::denial> intercepted::judge(client_session& c, const snapshot_ptr& next) {
  if (by)
    if (auto why = judge_tunnel(*next, *by))
      return why;
  if (auto why = c.judge_inside(next))
    return why;
  return request ? request->judge(c, next) : std::nullopt;
}

void intercepted::describe(connection_info& out) const {
  if (request)
    request->describe(out);
  if (by)
    proxy::describe(*by, out);
  out.state = "intercepted";
}

void intercepted::close(closing how) noexcept {
  if (request)
    request->close(how);
  proxy::close(dialled, how);
}

std::optional<policy::denial> refused::judge(client_session&, const snapshot_ptr&) {
  return std::nullopt;
}

void refused::describe(connection_info& out) const { out.state = "idle"; }

association::association(std::unique_ptr<proxy::association> what,
                         std::unique_ptr<admission> admitted_by)
  : relay(std::move(what)), by(std::move(admitted_by)) {}
association::association(association&&) noexcept = default;
association& association::operator=(association&&) noexcept = default;
association::~association() = default;

std::optional<policy::denial> association::judge(client_session&, const snapshot_ptr& next) {
  if (auto why = judge_association(*next))
    return why;
  relay->judge_again();
  return std::nullopt;
}

void association::describe(connection_info& out) const {
  out.state = "association";
  proxy::describe(*by, out);
}

void association::close(closing) noexcept { relay.reset(); }

namespace {

const intercepted* read_inside(const h2_link& of) noexcept {
  return std::get_if<intercepted>(&of.in);
}

} // namespace

const admission* h2_link::admitted() const noexcept {
  auto* around = read_inside(*this);
  return around ? around->admitted() : nullptr;
}

const policy::target* h2_link::subject() const noexcept {
  auto* around = read_inside(*this);
  return around ? around->subject() : nullptr;
}

std::optional<policy::denial> h2_link::judge(client_session& c, const snapshot_ptr& next) {
  return std::visit([&](auto& around) { return around.judge(c, next); }, in);
}

void h2_link::describe(connection_info& out) const {
  std::visit([&](const auto& around) { around.describe(out); }, in);
}

void h2_link::close(closing how) noexcept {
  std::visit([&](auto& around) { around.close(how); }, in);
}

} // namespace state
} // namespace proxy
