#include "actors/serve/client/client_states.hpp"

#include "actors/serve/client/asker.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/socks5/association.hpp"
#include "actors/serve/tunnel/tunnel.hpp"

namespace proxy {

namespace {

void close(std::unique_ptr<upstream>& u, closing how) noexcept {
  // A reset tells the upstream, too, that what it has is not the whole.
  if (u && how == closing::reset)
    u->io.abort();
  u.reset();
}

} // namespace

void describe(const admission& what, connection_info& out) {
  out.protocol = what.to().protocol;
  out.host = what.to().host.text();
  out.port = what.to().port;
  out.rule = what.rule_text();
  if (const auto* rule = what.granted_by() ? what.granted_by()->rule() : nullptr) {
    out.rule_file = rule->file;
    out.rule_line = rule->line;
  }
}

namespace state {

std::optional<policy::denial> reading::judge(client_session&) { return std::nullopt; }

void reading::describe(connection_info& out) const { out.state = "idle"; }

const policy::target* exchanging::subject() const noexcept {
  return request->body != http1::framing::none ? &request->target : nullptr;
}

std::optional<policy::denial> exchanging::judge(client_session& c) {
  // Its pass stays what it is: what was made of it is on its way.
  const auto* said = request->granted ? answer_of(request->granted->grant()) : nullptr;
  if (auto why = judge_under_way(c, request->received(), said))
    return why;
  const auto& now = *c.shard.policy;
  if (request->to_socket)
    return denial_in(policy::decide(
      *now.rules, policy::socket_query{.request = request->target, .file = server->key.host}));
  if (!server->key.via.empty())
    return std::nullopt;
  policy::destination leads_to{.addresses = std::span{&server->address, 1}};
  leads_to.found_as = server->found_as.get();
  return policy::why_not(
    *now.rules, {.to = request->target, .by = asker_of(c), .leads_to = leads_to, .granted = true});
}

void exchanging::describe(connection_info& out) const {
  out.state = "request";
  out.protocol = server->key.tls ? policy::protocol::https : policy::protocol::http;
  out.host = server->key.host;
  out.port = server->key.port;
}

void exchanging::close(closing how) noexcept { proxy::close(server, how); }

std::optional<policy::denial> tunnel::judge(client_session& c) {
  if (auto why = denial_in(renew(c, *admitted_by)))
    return why;
  return enclosing ? denial_in(c.renew_enclosing()) : std::nullopt;
}

void tunnel::describe(connection_info& out) const {
  out.state = enclosing ? "intercepted" : "tunnel";
  proxy::describe(*admitted_by, out);
}

void tunnel::close(closing how) noexcept { proxy::close(server, how); }

const policy::target* intercepted::subject() const noexcept {
  return request ? &request->request->target : admitted_by ? &admitted_by->to() : nullptr;
}

std::optional<policy::denial> intercepted::judge(client_session& c) {
  if (admitted_by)
    if (auto why = denial_in(renew(c, *admitted_by)))
      return why;
  if (auto why = denial_in(c.renew_enclosing()))
    return why;
  return request ? request->judge(c) : std::nullopt;
}

void intercepted::describe(connection_info& out) const {
  if (request)
    request->describe(out);
  if (admitted_by)
    proxy::describe(*admitted_by, out);
  out.state = "intercepted";
}

void intercepted::close(closing how) noexcept {
  if (request)
    request->close(how);
  proxy::close(dialled, how);
}

std::optional<policy::denial> refused::judge(client_session&) { return std::nullopt; }

void refused::describe(connection_info& out) const { out.state = "idle"; }

association::association(std::unique_ptr<proxy::association> what,
                         std::unique_ptr<admission> admission)
  : relay(std::move(what)), admitted_by(std::move(admission)) {}
association::association(association&&) noexcept = default;
association& association::operator=(association&&) noexcept = default;
association::~association() = default;

std::optional<policy::denial> association::judge(client_session& c) {
  if (auto why = policy::why_no_association(*c.shard.policy->rules))
    return why;
  relay->judge_again();
  return std::nullopt;
}

void association::describe(connection_info& out) const {
  out.state = "association";
  proxy::describe(*admitted_by, out);
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

std::optional<policy::denial> h2_link::judge(client_session& c) {
  return std::visit([&](auto& around) { return around.judge(c); }, in);
}

void h2_link::describe(connection_info& out) const {
  std::visit([&](const auto& around) { around.describe(out); }, in);
}

void h2_link::close(closing how) noexcept {
  std::visit([&](auto& around) { around.close(how); }, in);
}

} // namespace state
} // namespace proxy
