#define CAF_SUITE actors.flows.reload_waits
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include <unistd.h>

#include "tests/actors/control/mock_shard.hpp"
#include "tests/actors/flows/scripted_store.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

bool is_served(stage& s) {
  auto& who = s.client();
  who.say(get("http://refused.test/"));
  auto heard = s.hears(who, "HTTP/1.1 403", 1s);
  who.close();
  return heard;
}

const std::string post_reload =
  "POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

/// A stage with one worker more, which answers when it is told to, or never.
struct stage_with_a_mute_worker {
  std::shared_ptr<noted> told = std::make_shared<noted>();
  mock_shard_actor mute;
  scripted_stage s{{.loops = 2}, [this](caf::actor_system& sys) {
                     mute = sys.spawn<caf::hidden>(mock_shard, told);
                     return std::vector<shard_actor>{mute};
                   }};
  ~stage_with_a_mute_worker() {
    // Before its world ends.
    told->owed.clear();
    told->listeners.clear();
    caf::anon_send_exit(mute, caf::exit_reason::user_shutdown);
    mute = nullptr;
  }
};

/// A trail that does not turn to another sink: it says so, or nothing at all.
audit_actor::behavior_type stubborn_trail(audit_actor::pointer self, bool says_so) {
  auto unanswered = std::make_shared<std::vector<caf::typed_response_promise<bool>>>();
  return {
    [](atom::record, const decision_event_ptr&) {},
    [=](atom::configure, const config_ptr&) {
      auto promise = self->make_response_promise<bool>();
      if (says_so)
        promise.deliver(false);
      else
        unanswered->push_back(promise);
      return promise;
    },
    [=](atom::reopen) { unanswered->clear(); },
    [](atom::flush) { return true; },
  };
}

} // namespace

CAF_TEST(a source that hangs is given up at its deadline and the next change asks another) {
  scripted_stage s{{.loops = 2}};
  s.script->hangs = true;
  auto& admin = s.client(8080);
  admin.say(post_reload);
  CAF_CHECK(!s.hears(admin, "HTTP", 30s));
  CAF_CHECK(is_served(s)); // nobody waits for it but who asked
  CAF_CHECK(!s.hears(admin, "HTTP", 28s));
  CAF_CHECK(s.hears(admin, "HTTP/1.1 422", 3s));
  CAF_CHECK(admin.hears("the policy source does not deliver: it hangs since 60 s"));
  CAF_CHECK(admin.hears("the next change asks another one"));
  CAF_CHECK_EQUAL(s.generation(), 1u);
  s.script->hangs = false;
  admin.forget();
  admin.say(post_reload);
  CAF_CHECK(s.hears(admin, "HTTP/1.1 200", 1s));
  CAF_CHECK_EQUAL(s.script->begun, 2u);
  CAF_CHECK_EQUAL(s.failure, "");
  // What the first had read comes to nothing by now.
  caf::anon_send(s.sources[0], atom::reload_v);
  s.pass(1s);
  CAF_CHECK_EQUAL(s.generation(), 2u);
  caf::anon_send(s.sources[0], atom::abort_v);
  s.pass(1s);
  CAF_CHECK_EQUAL(s.failure, ""); // its end is no loss
}

CAF_TEST(few sources hang at a time and changes are refused at once then) {
  scripted_stage s;
  s.script->hangs = true;
  for (size_t i = 1; i <= max_hanging_sources; ++i) {
    auto answer = s.ask_reload();
    s.pass(delivery_patience + 1s);
    auto last = i == max_hanging_sources;
    CAF_CHECK_EQUAL(has(s.why_not(answer), "has to wait until it goes on"), last);
  }
  auto refused = s.ask_reload();
  CAF_CHECK(s.until([&] { return refused->has_value(); }, 100ms));
  CAF_CHECK(has(s.why_not(refused), "4 hang and no more are begun"));
  CAF_CHECK_EQUAL(s.script->begun, max_hanging_sources);
  caf::anon_send(s.sources[2], atom::abort_v); // it goes on
  s.pass(1ms);
  s.script->hangs = false;
  auto made = s.ask_reload();
  CAF_CHECK(s.until([&] { return made->has_value(); }, 1s));
  CAF_CHECK_EQUAL(s.why_not(made), "");
  CAF_CHECK_EQUAL(s.failure, "");
}

CAF_TEST(where no other source can be begun a change says so and the next tries again) {
  scripted_stage s;
  s.script->hangs = true;
  auto first = s.ask_reload();
  s.pass(61s);
  s.script->hangs = s.script->can_begin = false;
  auto second = s.ask_reload();
  CAF_CHECK(s.until([&] { return second->has_value(); }, 100ms));
  CAF_CHECK(has(s.why_not(second), "none can be begun: no thread"));
  s.script->can_begin = true;
  auto third = s.ask_reload();
  CAF_CHECK(s.until([&] { return third->has_value(); }, 100ms));
  CAF_CHECK_EQUAL(s.why_not(third), "");
}

CAF_TEST(a change that is too old to be believed in is not made) {
  scripted_stage s;
  s.script->hangs = true;
  auto first = s.ask_reload(), second = s.ask_reload(), third = s.ask_reload();
  s.pass(61s);
  CAF_CHECK(has(s.why_not(first), "hangs"));
  // The second is delivered after its asker takes it for failed, the third is not even begun.
  s.pass(19s);
  CAF_CHECK(!second->has_value());
  caf::anon_send(s.sources[1], atom::reload_v);
  s.pass(1ms);
  caf::anon_send(s.sources[1], atom::reload_v);
  s.pass(1ms);
  CAF_CHECK(s.until([&] { return second->has_value() && third->has_value(); }, 1s));
  CAF_CHECK(has(s.why_not(second), "the changes before it took too long"));
  CAF_CHECK(has(s.why_not(third), "the changes before it took too long"));
  CAF_CHECK_EQUAL(s.generation(), 1u);
  s.script->hangs = false;
  auto fresh = s.ask_reload();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.why_not(fresh), "");
}

CAF_TEST(a source that is lost ends the proxy and who waits is told) {
  scripted_stage s;
  s.script->hangs = true;
  auto& admin = s.client(8080);
  admin.say(post_reload);
  s.pass(1s);
  caf::anon_send_exit(s.sources[0], caf::exit_reason::kill);
  CAF_CHECK(s.hears(admin, "HTTP/1.1 422", 100ms));
  CAF_CHECK(admin.hears("the policy source does not deliver"));
  CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 1s));
  CAF_CHECK(s.failure.starts_with("policy_source: "));
  auto late = s.ask_reload();
  s.pass(1ms);
  CAF_CHECK(has(s.why_not(late), "it is lost, and the proxy ends"));
}

CAF_TEST(an end that begins while the source hangs waits for nobody) {
  scripted_stage s;
  s.script->hangs = true;
  auto first = s.ask_reload(), second = s.ask_reload();
  auto drained = s.drain();
  CAF_CHECK(s.until([&] { return drained->has_value(); }, 100ms));
  for (const auto& each : {first, second})
    CAF_CHECK(has(s.why_not(each), "the proxy is shutting down"));
}

CAF_TEST(a worker that does not follow in time ends the proxy and not before) {
  stage_with_a_mute_worker with;
  auto& s = with.s;
  auto& client = s.client();
  auto& admin = s.client(8080);
  admin.say(post_reload);
  CAF_CHECK(!s.hears(admin, "HTTP", 29s));
  CAF_CHECK(!client.is_over());
  CAF_CHECK(is_served(s));
  CAF_CHECK_EQUAL(s.failure, "");
  CAF_CHECK(s.hears(admin, "HTTP/1.1 422", 2s));
  CAF_CHECK(admin.hears("worker 2 did not take the policy in time: the proxy ends"));
  CAF_CHECK(s.is_over(client, 10ms));
  CAF_CHECK(!is_served(s));
  CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 1s));
  CAF_CHECK_EQUAL(s.failure, "worker 2: did not take the policy in time");
}

CAF_TEST(a worker that follows late but in time holds up later changes alone) {
  stage_with_a_mute_worker with;
  auto& s = with.s;
  auto first = s.ask_reload(), second = s.ask_reload();
  s.pass(29s);
  CAF_CHECK(!first->has_value());
  CAF_CHECK(!second->has_value());
  caf::anon_send(with.mute, uint64_t{3});
  s.pass(1ms);
  CAF_REQUIRE(first->has_value());
  CAF_CHECK_EQUAL((*first)->report->closed_tunnels, 3u);
  CAF_CHECK(!second->has_value());
  caf::anon_send(with.mute, uint64_t{0});
  s.pass(1ms);
  CAF_REQUIRE(second->has_value());
  CAF_CHECK_EQUAL((*second)->report->generation, 3u);
  CAF_CHECK_EQUAL(s.failure, "");
}

CAF_TEST(a worker that cannot follow ends the proxy at once) {
  stage_with_a_mute_worker with;
  auto& s = with.s;
  auto first = s.ask_reload(), second = s.ask_reload();
  caf::anon_send(with.mute, std::string{"its tunnels do not answer"});
  s.pass(1ms);
  CAF_CHECK(has(s.why_not(first), "worker 2 did not take the policy ("));
  CAF_CHECK(has(s.why_not(second), "a worker is lost: the proxy ends"));
  s.pass(1s);
  CAF_CHECK(s.failure.starts_with("worker 2: did not take the policy ("));
  CAF_CHECK(with.told->snapshots.size() == 1u);
}

CAF_TEST(a drain waits for a change that workers were told of) {
  stage_with_a_mute_worker with;
  auto& s = with.s;
  auto change = s.ask_reload();
  CAF_CHECK(!change->has_value());
  auto drained = s.drain();
  s.pass(10s);
  CAF_CHECK(!drained->has_value());
  caf::anon_send(with.mute, uint64_t{0});
  CAF_CHECK(s.until([&] { return drained->has_value() && change->has_value(); }, 100ms));
  CAF_CHECK_EQUAL(s.why_not(change), "");
}

CAF_TEST(an audit trail that stays where it was is told and holds up no change) {
  for (auto says_so : {true, false}) {
    audit_actor trail;
    scripted_stage s{{}, {}, [&](caf::actor_system& sys) {
                       return trail = sys.spawn<caf::hidden>(stubborn_trail, says_so);
                     }};
    auto made = s.ask_reload();
    s.pass(1ms);
    CAF_CHECK_EQUAL(s.why_not(made), "");
    CAF_CHECK_EQUAL(logs(s, "level=error msg=audit_not_switched"), says_so);
    s.pass(9s);
    CAF_CHECK_EQUAL(logs(s, "level=error msg=audit_not_switched"), says_so);
    s.pass(2s);
    CAF_CHECK(logs(s, "level=error msg=audit_not_switched"));
    CAF_CHECK_EQUAL(s.failure, "");
    caf::anon_send(trail, atom::reopen_v); // it waits for nobody any more
    s.pass(1ms);
    trail = nullptr;
  }
}
