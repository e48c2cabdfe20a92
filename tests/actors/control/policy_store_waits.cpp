#define CAF_SUITE actors.control.policy_store_waits
#include "actors/control/policy_store_behavior.hpp" // unit under test

#include "tests/actors/control/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// What a source was asked, and the answers that it owes.
struct script {
  std::deque<caf::typed_response_promise<policy_delivery>> owed;
  std::vector<policy_wish> wishes;
};

/// Delivers when the test says so.
using scripted_source_actor = policy_source_actor::extend<caf::reacts_to<policy_delivery>>;

scripted_source_actor::behavior_type scripted_source(scripted_source_actor::pointer self,
                                                     std::shared_ptr<script> into) {
  return {
    [=](const policy_delivery& what) {
      CAF_REQUIRE(!into->owed.empty());
      into->owed.front().deliver(what);
      into->owed.pop_front();
    },
    [=](atom::load, const policy_wish& wish) {
      into->wishes.push_back(wish);
      into->owed.push_back(self->make_response_promise<policy_delivery>());
      return into->owed.back();
    },
    [](atom::addresses) { return machine_addresses_read{}; },
  };
}

struct scripted_fixture : policy_store_fixture {
  scripted_fixture() {
    caf::anon_send_exit(store, caf::exit_reason::kill);
    run();
    scripted = sys.spawn(scripted_source, asked_of_source);
    source = scripted;
    start_store();
    run();
  }
  ~scripted_fixture() override {
    asked_of_source->owed.clear(); // they hold who made them
  }

  void deliver(policy_delivery what) {
    self->send(scripted, std::move(what));
    run();
  }
  /// What the files say by now.
  void deliver() {
    policy_delivery out;
    auto sources = from();
    sources.mode = asked_of_source->wishes.back().mode;
    auto document = load_document(sources, false, missing_ca::make, out.problems);
    CAF_REQUIRE(document);
    out.document = std::make_shared<policy_document>(std::move(*document));
    deliver(std::move(out));
  }

  std::shared_ptr<script> asked_of_source = std::make_shared<script>();
  scripted_source_actor scripted;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(source_tests, scripted_fixture)

CAF_TEST(problems of the source refuse a change and leave the policy) {
  auto done = reload();
  CAF_CHECK(!done->has_value());
  deliver({nullptr, {problem_of("mode", "wrong")}});
  CAF_CHECK_EQUAL(problem_of(done), "wrong");
  CAF_CHECK(current() == first.next);
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST(a source that does not deliver refuses a change and what it says later is void) {
  auto done = reload();
  auto next = reload();
  pass(delivery_patience);
  CAF_CHECK(problem_of(done).find("the policy source does not deliver") == 0);
  CAF_CHECK_EQUAL(asked_of_source->owed.size(), 2u);
  deliver(); // of the first
  CAF_CHECK(shards[0]->snapshots.empty());
  deliver();
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 1u);
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(next), 2u);
  CAF_CHECK(failures.empty());
}

CAF_TEST(a source that is lost refuses changes) {
  auto done = reload();
  asked_of_source->owed.clear();
  caf::anon_send_exit(source, caf::exit_reason::kill);
  run();
  pass(delivery_patience);
  CAF_CHECK(problem_of(done).find("the policy source does not deliver") == 0);
  CAF_CHECK(problem_of(reload()).find("the policy source does not deliver") == 0);
  asked_of_source->owed.clear();
}

CAF_TEST(who waits for a change is told when the store is lost) {
  auto under_way = reload();
  auto waiting = set_mode(policy::mode::limited);
  caf::anon_send(store, atom::reload_v); // a signal, which waits for no answer
  run();
  caf::anon_send_exit(store, caf::exit_reason::kill);
  run();
  CAF_CHECK_EQUAL(problem_of(under_way), "the policy store is lost: the proxy ends");
  CAF_CHECK_EQUAL(problem_of(waiting), "the policy store is lost: the proxy ends");
  auto lines = log();
  auto told = 0;
  for (auto at = lines.find("msg=reload_refused"); at != std::string::npos;
       at = lines.find("msg=reload_refused", at + 1))
    ++told;
  CAF_CHECK_EQUAL(told, 3);
}

CAF_TEST(who waits for a change that is pushed is told when the store is lost) {
  auto done = reload();
  deliver();
  acknowledge(0, 0);
  CAF_CHECK(!done->has_value());
  caf::anon_send_exit(store, caf::exit_reason::kill);
  run();
  CAF_CHECK_EQUAL(problem_of(done), "the policy store is lost: the proxy ends");
}

CAF_TEST(two reloads and a mode switch that interleave keep their order) {
  auto one = reload();
  auto mode = set_mode(policy::mode::limited);
  auto two = reload();
  CAF_CHECK_EQUAL(asked_of_source->wishes.size(), 1u);
  deliver();
  acknowledge(1, 0);
  CAF_CHECK_EQUAL(asked_of_source->wishes.size(), 1u); // nobody begins before all have acknowledged
  acknowledge(0, 0);
  CAF_REQUIRE_EQUAL(asked_of_source->wishes.size(), 2u);
  CAF_CHECK(asked_of_source->wishes[1].mode == policy::mode::limited);
  CAF_CHECK(asked_of_source->wishes[1].mode_as == config::mode_override::must_hold);
  deliver();
  acknowledge();
  CAF_REQUIRE_EQUAL(asked_of_source->wishes.size(), 3u);
  CAF_CHECK(asked_of_source->wishes[2].mode == policy::mode::limited);
  CAF_CHECK(asked_of_source->wishes[2].mode_as == config::mode_override::may_yield);
  deliver();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(one), 2u);
  CAF_CHECK_EQUAL(generation_of(mode), 3u);
  CAF_CHECK_EQUAL(generation_of(two), 4u);
  CAF_CHECK(current()->rules->mode == policy::mode::limited);
}

CAF_TEST(a drain that comes while the source is asked refuses the change and those that wait) {
  auto done = reload();
  auto waiting = reload();
  self->send(store, atom::drain_v);
  run();
  CAF_CHECK_EQUAL(problem_of(done), "the proxy is shutting down");
  CAF_CHECK_EQUAL(problem_of(waiting), "the proxy is shutting down");
  deliver(); // to nobody
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST(a worker that dies while the source is asked gives the change up) {
  auto done = reload();
  caf::anon_send_exit(handles[0], caf::exit_reason::kill);
  run();
  CAF_CHECK(problem_of(done).find("worker 0 has ended") == 0);
  deliver(); // to nobody
  CAF_CHECK(shards[1]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// What an owner of listeners was asked, and the answers that it owes.
struct late_binding {
  std::deque<caf::typed_response_promise<bound_listeners>> owed;
  bool let_go = false;
};

/// Binds when the test says so.
using late_owner_actor = listener_owner_actor::extend<caf::reacts_to<bound_listeners>>;

late_owner_actor::behavior_type late_owner(late_owner_actor::pointer self,
                                           std::shared_ptr<late_binding> into) {
  return {
    [=](const bound_listeners& bound) {
      CAF_REQUIRE(!into->owed.empty());
      into->owed.front().deliver(bound);
      into->owed.pop_front();
    },
    [=](atom::bind, const config_ptr&) {
      into->owed.push_back(self->make_response_promise<bound_listeners>());
      return into->owed.back();
    },
    [](atom::install, const listener_set&) {},
    [=](atom::abort) { into->let_go = true; },
    [](atom::listen) { return listener_set{}; },
    [](atom::drain) {},
    [](atom::close) {},
  };
}

struct late_binding_fixture : policy_store_fixture {
  late_binding_fixture() {
    caf::anon_send_exit(store, caf::exit_reason::kill);
    run();
    late = sys.spawn(late_owner, asked_of_owner);
    owner = late;
    start_store();
    run();
  }
  ~late_binding_fixture() override {
    asked_of_owner->owed.clear(); // they hold who made them
  }

  void bind() {
    self->send(late, bound_listeners{});
    run();
  }

  std::shared_ptr<late_binding> asked_of_owner = std::make_shared<late_binding>();
  late_owner_actor late;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(late_binding_tests, late_binding_fixture)

CAF_TEST(listeners that are not bound in time refuse a change and are let go of) {
  auto done = reload();
  CAF_CHECK(!done->has_value());
  pass(binding_patience);
  CAF_CHECK_EQUAL(problem_of(done).find("listeners could not be bound: "), 0u);
  CAF_CHECK(asked_of_owner->let_go);
  bind(); // for nobody
  CAF_CHECK(shards[0]->snapshots.empty());
  CAF_CHECK(current() == first.next);
  CAF_CHECK(failures.empty());
}

CAF_TEST(a drain that comes while listeners are bound refuses the change) {
  auto done = reload();
  self->send(store, atom::drain_v);
  run();
  bind();
  CAF_CHECK_EQUAL(problem_of(done), "the proxy is shutting down");
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
