// What was granted and has waited opens nothing: each of these is compiled by a test, which wants
// the compiler to refuse it and to name `fresh_pass`. FRESH is the control: the same with a fresh
// pass.

#include "actors/serve/client/asker.hpp"
#include "actors/serve/upstream/dial.hpp"

using namespace proxy;

#if defined(FRESH)

namespace {

int dial_fresh(client_session& c, const fresh_pass& fresh, upstream& to) {
  return begin_connect(c, fresh, to, 443);
}

} // namespace

int dial_after_a_look(client_session& c, const pass& granted, upstream& to) {
  auto fresh = granted.look(c.shard.policy);
  return fresh ? dial_fresh(c, *fresh, to) : -1;
}

int dial_after_judging(client_session& c, pass& granted, upstream& to) {
  auto renewed = granted.renew(c.shard.policy, asker_of(c));
  auto* fresh = std::get_if<fresh_pass>(&renewed);
  return fresh ? dial_fresh(c, *fresh, to) : -1;
}

task<> holds_a_pass(client_session& c, pass granted, upstream& to) {
  co_await c.wakes.next_turn();
  auto fresh = granted.look(c.shard.policy);
  if (fresh)
    (void)begin_connect(c, *fresh, to, 443);
}

#elif defined(DIALS)

int wrong(client_session& c, const pass& granted, upstream& to) {
  return begin_connect(c, granted, to, 443);
}

#elif defined(COROUTINE_TAKES_IT)

task<> wrong(client_session& c, const fresh_pass& fresh, upstream& to) {
  co_await c.wakes.next_turn();
  (void)begin_connect(c, fresh, to, 443);
}

#else
#error "which?"
#endif
