#include "actors/serve/exchange/socket_flow.hpp"

#include <algorithm>
#include <cstring>

#include "actors/loop/task/ask.hpp"
#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/decide/judgement.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/exchange/transfer.hpp"
#include "actors/serve/upstream/socket_dialer.hpp"
#include "protocols/http1/rewrite.hpp"

/// Requests for a unix socket (`x-unix-socket`): one connection each, shared with nobody and never
/// kept.

namespace proxy {

namespace {

/// How often a request is taken up anew because the policy changed while it was dialled. Beyond it:
/// 503.
constexpr int max_policy_changes = 16;

/// Between two tries of a socket whose queue is full: nobody tells when it has room.
constexpr std::chrono::milliseconds first_pause{5};
constexpr std::chrono::milliseconds longest_pause{200};

/// The head to send: path and query alone, Host as it came.
caf::error write_head(client_session& c, const http1::request& req, exchange& ex) {
  auto path = http1::path_of_target(req);
  if (!path)
    return std::move(path.error());
  http1::request_target target;
  target.path = *path;
  auto host = req.find("host").value_or("");
  http1::rewrite_options options{.via = pseudonym_of(c), .host = host.empty() ? "localhost" : host};
  if (c.spans)
    c.spans->send_on(options, c.shard.fields);
  http1::rewrite_request(req, target, options, ex.head);
  return {};
}

std::string words_of(const socket_dialled& got) {
  return std::string{"unix socket proxy failed: "} + std::strerror(got.error);
}

caf::error stale_socket() {
  return caf::make_error(errc::policy_changed, std::string{"dialled under an older policy"});
}

/// Dials, again and again while the socket takes nobody, as long as dialling may take.
/// @returns errc::policy_changed as soon as `ex.to_socket` is stale.
task<caf::expected<socket_dialled>> dial_in_time(client_session& c, const exchange& ex) {
  const auto& granted = *ex.to_socket;
  auto deadline = c.in(c.timeouts().connect);
  for (auto pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    if (!granted.look(c.shard.policy))
      co_return stale_socket();
    auto to = granted.grant();
    auto config = granted.snapshot()->config;
    auto got = co_await ask<socket_dialled>(
      &c.self, c.wakes, deadline, c.shard.process->socket_dialer, atom::dial_v, to, config);
    if (got && got->what != socket_dialled::outcome::busy)
      co_return std::move(got);
    if (!granted.look(c.shard.policy))
      co_return stale_socket();
    if (!got || c.in(pause) >= deadline)
      co_return caf::make_error(errc::connection_timeout,
                                std::string{"unix socket proxy failed: no connection within "
                                            "timeouts.connect"});
    auto over = c.in(pause);
    while (c.shard.loop.now() < over && !c.client.dead())
      (void)co_await c.wakes.until(over);
    if (c.client.dead())
      co_return caf::make_error(errc::cancelled, std::string{"the client has gone"});
  }
}

struct reached_socket {
  std::unique_ptr<upstream> made;
  std::optional<policy::denial> denial;
  caf::error error;
};

/// A connection that was made under the policy of this moment, or why there is none.
task<reached_socket> reach_socket(client_session& c, exchange& ex) {
  reached_socket out;
  for (int policies = 0;;) {
    out.denial = denial_in(renew_to_socket(c, ex));
    if (out.denial)
      co_return out;
    auto got = co_await dial_in_time(c, ex);
    if (!ex.to_socket->look(c.shard.policy)) {
      if (++policies == max_policy_changes) {
        out.error = caf::make_error(errc::policy_changed, std::string{"the policy keeps changing"});
        co_return out;
      }
      continue;
    }
    if (!got) {
      out.error = std::move(got.error());
    } else if (got->what == socket_dialled::outcome::not_allowed) {
      out.denial = policy::socket_not_allowed();
    } else if (got->what == socket_dialled::outcome::own) {
      out.denial = policy::socket_is_own();
    } else if (got->what == socket_dialled::outcome::failed) {
      out.error = caf::make_error(errc::connection_refused, words_of(*got));
    } else {
      out.made = std::make_unique<upstream>();
      out.made->generation = ex.to_socket->snapshot()->generation;
      // Unlike that of anything in the pool, should it ever come there.
      out.made->key.via = "unix socket";
      out.made->key.host = std::move(got->path);
      if (!out.made->io.open(c.shard.loop, got->made->take(), &c.wakes)) {
        out.made.reset();
        out.error =
          caf::make_error(errc::system, std::string{"unix socket proxy failed: no descriptor"});
      }
    }
    co_return out;
  }
}

/// Sends the head.
step begin_to_socket(client_session& c, const exchange& ex, transfer& t) {
  if (auto fresh = ex.to_socket->look(c.shard.policy))
    return t.begin(*fresh);
  return t.outdated();
}

} // namespace

judgement judge_socket_request(client_session& c, http1::request& req, exchange& ex) {
  if (auto err = policy::read_socket_name(req, ex.target))
    return err;
  ex.target.upgrade = ex.upgrade;
  const auto& now = *c.shard.policy;
  auto judged = policy::decide(
    *now.rules, policy::socket_query{.request = ex.target,
                                     .served = static_cast<bool>(c.shard.process->socket_dialer)});
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  // What it would switch to is nobody's business here: it goes on as a plain request.
  ex.upgrade = false;
  ex.offered.clear();
  req.upgrade = {};
  if (auto err = write_head(c, req, ex))
    return err;
  return std::get<policy::socket_permit>(std::move(judged));
}

task<after> forward_to_socket(client_session& c, exchange& ex) {
  auto got = co_await reach_socket(c, ex);
  if (got.denial)
    co_return co_await refuse(c, ex, *got.denial);
  c.shard.admitted(ex.to_socket->grant(), ex.target, c);
  if (!got.made)
    co_return co_await fault(c, ex, got.error);
  if (c.client.dead()) {
    c.end = ending::client_gone;
    co_return after::close;
  }
  if (c.shard.config().log.access) {
    c.last_admitted = std::make_unique<admission>(ex.target);
  }
  transfer t{c, ex, c.begin_exchange(ex, std::move(got.made))};
  auto s = begin_to_socket(c, ex, t);
  s = co_await run_exchange(c, t, s);
  t.count();
  c.end_exchange().reset();
  record_outcome(c, t, s);
  if (s == step::fault) {
    ex.keep_alive &= ex.body == http1::framing::none; // its body has been read
    auto why = t.take_error();
    co_return co_await fault(c, ex, why);
  }
  if (s != step::complete) {
    c.end = s == step::client_gone ? ending::client_gone : ending::upstream_gone;
    co_return t.needs_reset() ? after::reset : after::close;
  }
  co_return t.client_reusable() ? after::next_request : after::close_in_steps;
}

} // namespace proxy
