#include "actors/serve/exchange/forward.hpp"

#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/exchange/transfer.hpp"
#include "actors/serve/tunnel/intercept.hpp"
#include "actors/serve/tunnel/tunnel.hpp"
#include "actors/serve/upstream/http2_dial.hpp"
#include "actors/serve/upstream/route.hpp"

namespace proxy {

namespace {

/// What of the client's own, of the pool, or of a shared connection can take a request at once;
/// nullptr for nothing.
std::unique_ptr<upstream> take_ready(client_session& c, const exchange& ex,
                                     const fresh_pass& fresh) {
  // An upgrade needs a connection of its own: behind an upstream proxy, a tunnel.
  if (ex.upgrade)
    return nullptr;
  auto key = key_of(ex);
  if (c.logins)
    if (auto own = c.logins->take(fresh, key, c.user(), c.wakes))
      return own;
  return ex.logs_in ? c.shard.pool.take(fresh, key, c.wakes) : take_kept(c, fresh, key);
}

/// Whether another stream that dials the same upstream may get a connection to share.
bool may_share(const client_end& c, const exchange& ex) {
  return c.client.stream() && !ex.upgrade && !ex.logs_in &&
         c.shard.pool.speaks(key_of(ex)) != origin_protocol::http1;
}

/// Keeps what has served an exchange: for this client alone where it may have logged in.
void keep_upstream(client_session& c, std::unique_ptr<upstream> served) {
  if (served->generation != c.shard.policy->generation || c.draining)
    return;
  if (!served->logged_in) {
    c.shard.pool.keep(std::move(served));
    return;
  }
  if (!c.logins)
    c.logins = std::make_shared<login_connections>(c.shard.pool);
  c.logins->keep(std::move(served), std::string{c.user()});
}

/// Makes a tunnel of a connection that has switched.
/// @returns the denial, if a new policy refuses it; the connection then stays where it is.
std::optional<policy::denial> open_switched(client_session& c, exchange& ex,
                                            std::unique_ptr<upstream>& server) {
  auto renewed = renew(c, ex);
  if (auto* no = std::get_if<policy::denial>(&renewed))
    return std::move(*no);
  const auto& fresh = std::get<fresh_pass>(renewed);
  if (!ex.via)
    if (auto no = denial_in(policy::vet(fresh, asker_of(c), {server->address},
                                        server->found_as ? *server->found_as : host{})))
      return no;
  admit_tunnel(c, ex, fresh, std::move(server), true);
  return std::nullopt;
}

/// Hands a switched connection to its tunnel, unless a new policy refuses it.
task<after> begin_switched(client_session& c, exchange& ex, std::unique_ptr<upstream> server) {
  if (auto denial = open_switched(c, ex, server)) {
    server.reset();
    c.say_first({});
    ex.keep_alive &= ex.body == http1::framing::none; // its body has been read
    co_return co_await refuse(c, ex, *denial);
  }
  co_return after::tunnel;
}

/// Takes what is ready for a request, if there is any: `server`.
/// @returns the denial, if a new policy refuses the request.
std::optional<policy::denial> reuse(client_session& c, exchange& ex,
                                    std::unique_ptr<upstream>& server) {
  auto renewed = renew(c, ex);
  if (auto* no = std::get_if<policy::denial>(&renewed))
    return std::move(*no);
  server = take_ready(c, ex, std::get<fresh_pass>(renewed));
  if (server) {
    ++c.shard.counters.upstream_reuses;
    record_admission(c, ex);
  }
  return std::nullopt;
}

/// Sends the head.
step begin(client_session& c, const exchange& ex, transfer& t) {
  if (auto fresh = ex.granted->look(c.shard.policy))
    return t.begin(*fresh);
  return t.outdated();
}

/// Whether an exchange has come to an answer of ours.
bool is_fault(step how) noexcept {
  return how == step::fault || how == step::retry || how == step::over_http1;
}

/// How the client goes on behind an exchange that is over, and not by a fault.
after follow(client_session& c, const transfer& t, step how) {
  // An unfinished upload: our response must not be reset away by the rest of it.
  if (how == step::complete)
    return t.client_reusable() ? after::next_request : after::close_in_steps;
  c.end = how == step::client_gone ? ending::client_gone : ending::upstream_gone;
  return t.needs_reset() ? after::reset : after::close;
}

/// Lets go of what has served an exchange, or keeps it for another one.
void let_go(client_session& c, const transfer& t, step how, std::unique_ptr<upstream> server) {
  if (auto code = t.end_code(); code && how == step::broken && c.client.stream())
    c.client.stream()->pass_on(*code);
  if (how == step::complete && t.upstream_reusable())
    keep_upstream(c, std::move(server));
}

} // namespace

task<after> forward(client_session& c, exchange& ex) {
  remember_admission(c, ex);
  auto retried = false;
  auto over_http1 = false;
  for (;;) {
    auto next = after::close;
    std::unique_ptr<upstream> server;
    if (!retried && !over_http1) {
      auto denial = reuse(c, ex, server);
      if (!denial && !server && may_share(c, ex)) {
        auto key = key_of(ex);
        co_await wait_for_dialling(c, key);
        denial = reuse(c, ex, server);
      }
      if (denial)
        co_return co_await refuse(c, ex, *denial);
    }
    if (!server && c.client.dead()) { // it left while it waited: nothing is dialled for it
      record_admission(c, ex);
    } else if (!server) {
      server = co_await connect_upstream(c, ex, next);
      if (!server)
        co_return next;
    }
    if (c.client.dead()) { // nobody asks any more, or a new policy has closed the tunnel
      c.end = ending::client_gone;
      co_return after::close;
    }
    server->io.keep_alive();
    if (c.spans)
      c.spans->reach(server->io.stream() != nullptr);
    transfer t{c, ex, c.begin_exchange(ex, std::move(server))};
    auto s = begin(c, ex, t);
    s = co_await run_exchange(c, t, s);
    server = c.end_exchange();
    if ((s == step::retry && !std::exchange(retried, true)) ||
        (s == step::over_http1 && !std::exchange(over_http1, true))) {
      t.put_back();
      server.reset();
      continue;
    }
    t.count();
    record_outcome(c, t, s);
    if (c.enclosing_tunnel() && c.shard.config().mitm.inspect)
      log_exchange(c, ex, t.status(), t.size());
    if (s == step::tunnel)
      co_return co_await begin_switched(c, ex, std::move(server));
    auto failed = is_fault(s);
    if (!failed)
      next = follow(c, t, s);
    let_go(c, t, s, std::move(server));
    if (failed) {
      // What has been read of its body must not be waited for again in what follows.
      ex.keep_alive &= ex.body == http1::framing::none;
      co_return co_await fault(c, ex, t.take_error());
    }
    co_return next;
  }
}

} // namespace proxy
