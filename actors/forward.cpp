#include "actors/flows.hpp"
#include "actors/http2/dial.hpp"
#include "actors/intercept.hpp"
#include "actors/transfer.hpp"

namespace proxy {

namespace {

/// What of the client's own, of the pool, or of a shared connection can take a request at once;
/// nullptr for nothing.
std::unique_ptr<upstream> take_ready(client_session& c, const exchange& x) {
  // An upgrade needs a connection of its own: behind an upstream proxy, a tunnel.
  if (x.upgrade)
    return nullptr;
  auto key = key_of(x);
  if (c.logins)
    if (auto own = c.logins->take(key, c.user(), c.wakes))
      return own;
  return x.logs_in ? c.shard.pool.take(key, c.wakes) : take_kept(c, key);
}

/// Whether another stream that dials the same upstream may get a connection to share.
bool may_share(const client_session& c, const exchange& x) {
  return c.client.stream() && !x.upgrade && !x.logs_in &&
         c.shard.pool.speaks(key_of(x)) != origin_protocol::http1;
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

/// Hands a switched connection to its tunnel, unless a new policy refuses it.
task<after> begin_switched(client_session& c, exchange& x, policy::permit& permit,
                           std::unique_ptr<upstream> server) {
  auto denial = judge_anew(c, x, permit);
  if (!denial && !x.via) {
    auto judged =
      policy::vet(*x.under->rules, permit, {server->address}, nullptr, server->found_as);
    if (auto* no = std::get_if<policy::denial>(&judged))
      denial = std::move(*no);
  }
  if (denial) {
    server.reset();
    c.first_down.clear();
    x.keep_alive &= x.body == http1::framing::none; // its body has been read
    co_return co_await refuse(c, x, *denial);
  }
  admit_tunnel(c, permit, std::move(server), std::move(x.received));
  co_return after::tunnel;
}

} // namespace

task<after> forward(client_session& c, exchange& x, policy::permit permit) {
  if (c.shard.config().log.access && !c.inside()) {
    c.last_admitted = describe_admission(permit);
    c.turned_down.reset();
  }
  auto retried = false;
  auto over_http1 = false;
  for (;;) {
    auto next = after::close;
    std::unique_ptr<upstream> server;
    if (!retried && !over_http1) {
      server = take_ready(c, x);
      if (!server && may_share(c, x)) {
        auto key = key_of(x);
        co_await wait_for_dialling(c, key);
        if (auto denial = judge_anew(c, x, permit))
          co_return co_await refuse(c, x, *denial);
        server = take_ready(c, x);
      }
    }
    if (server) {
      ++c.shard.counters.upstream_reuses;
      record_admission(c, x, permit);
    } else if (c.client.dead()) { // it left while it waited: nothing is dialled for it
      record_admission(c, x, permit);
    } else {
      server = co_await reach(c, x, permit, next);
      if (!server)
        co_return next;
    }
    if (c.client.dead()) { // nobody asks any more, or a new policy has closed the tunnel
      c.end = ending::client_gone;
      co_return after::close;
    }
    transfer t{c, x, c.begin_exchange(x, std::move(server))};
    auto s = co_await run_exchange(c, t);
    server = c.end_exchange();
    if ((s == step::retry && !std::exchange(retried, true)) ||
        (s == step::over_http1 && !std::exchange(over_http1, true))) {
      t.put_back();
      server.reset();
      continue;
    }
    t.count();
    if (c.inside() && c.shard.config().mitm.inspect)
      log_exchange(c, x, t.status(), t.size());
    if (s == step::tunnel)
      co_return co_await begin_switched(c, x, permit, std::move(server));
    auto upstream_ok = s == step::complete && t.upstream_reusable();
    auto client_ok = s == step::complete && t.client_reusable();
    if (auto code = t.end_code(); code && s == step::broken && c.client.stream())
      c.client.stream()->pass_on(*code);
    if (upstream_ok)
      keep_upstream(c, std::move(server));
    server.reset();
    if (s == step::fault || s == step::retry || s == step::over_http1) {
      // What has been read of its body must not be waited for again in what follows.
      x.keep_alive &= x.body == http1::framing::none;
      co_return co_await fault(c, x, t.take_error());
    }
    if (s == step::complete) {
      // An unfinished upload: our response must not be reset away by the rest of it.
      co_return client_ok ? after::next_request : after::close_in_steps;
    }
    c.end = s == step::client_gone ? ending::client_gone : ending::upstream_gone;
    co_return t.needs_reset() ? after::reset : after::close;
  }
}

} // namespace proxy
