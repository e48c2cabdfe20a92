#define CAF_SUITE actors.control.policy.policy_store_waits
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include <stdexcept>

#include "tests/actors/control/policy/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// What a source was asked, and the answers that it owes.
struct script {
  std::deque<caf::typed_response_promise<policy_delivery>> owed;
  std::deque<caf::typed_response_promise<machine_addresses_read>> owed_addresses;
  std::vector<policy_wish> wishes;
  bool told_to_end = false;
};

/// Delivers when the test says so, and ends no sooner than it has delivered all: as one does whose
/// thread reads.
using scripted_source_actor = policy_source_actor::extend<caf::reacts_to<policy_delivery>,
                                                          caf::reacts_to<machine_addresses_read>>;

scripted_source_actor::behavior_type scripted_source(scripted_source_actor::pointer self,
                                                     std::shared_ptr<script> into) {
  auto end_if_told = [=] {
    if (into->told_to_end && into->owed.empty() && into->owed_addresses.empty())
      self->quit(caf::exit_reason::user_shutdown);
  };
  self->set_exit_handler([=](const caf::exit_msg&) {
    into->told_to_end = true;
    end_if_told();
  });
  auto pay = [=](auto& owed, const auto& what) {
    CAF_REQUIRE(!owed.empty());
    owed.front().deliver(what);
    owed.pop_front();
    end_if_told();
  };
  return {
    [=](const policy_delivery& what) { pay(into->owed, what); },
    [=](const machine_addresses_read& what) { pay(into->owed_addresses, what); },
    [=](atom::load, const policy_wish& wish) {
      into->wishes.push_back(wish);
      into->owed.push_back(self->make_response_promise<policy_delivery>());
      return into->owed.back();
    },
    [=](atom::addresses) {
      into->owed_addresses.push_back(self->make_response_promise<machine_addresses_read>());
      return into->owed_addresses.back();
    },
  };
}

/// A store whose sources, one after the other, are scripted. Their scripts are kept from the first
/// to the newest; what the test does concerns the newest.
struct scripted_fixture : policy_store_fixture {
  explicit scripted_fixture(std::string stand_on = "127.0.0.1")
    : policy_store_fixture(std::move(stand_on)) {
    caf::anon_send_exit(store, caf::exit_reason::kill);
    run();
    begin_source = [this] {
      if (!works)
        throw std::runtime_error{"no thread"};
      asked_of_source = scripts.emplace_back(std::make_shared<script>());
      scripted = sys.spawn(scripted_source, asked_of_source);
      sources.push_back(scripted);
      return scripted;
    };
    source = begin_source();
    start_store();
    run();
  }
  ~scripted_fixture() override {
    for (auto& each : scripts) { // they hold who made them
      each->owed.clear();
      each->owed_addresses.clear();
    }
  }

  /// One change after the other is asked for and meets a source that hangs.
  void hang(size_t times) {
    for (size_t i = 0; i < times; ++i) {
      auto done = reload();
      pass(delivery_patience);
      CAF_CHECK(problem_of(done).find("the policy source does not deliver") == 0);
    }
  }

  void deliver(policy_delivery what) {
    self->send(scripted, std::move(what));
    run();
  }
  /// What the files say by now.
  void deliver() {
    policy_delivery out;
    auto asked = from();
    asked.mode = asked_of_source->wishes.back().mode;
    auto document = load_document(asked, false, missing_ca::make, out.problems);
    CAF_REQUIRE(document);
    out.document = std::make_shared<policy_document>(std::move(*document));
    deliver(std::move(out));
  }

  std::shared_ptr<script> asked_of_source;
  scripted_source_actor scripted;
  std::vector<std::shared_ptr<script>> scripts;
  std::vector<scripted_source_actor> sources;
  bool works = true; ///< Sources can be begun.
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

CAF_TEST(a source that does not deliver refuses a change and another one is asked for the next) {
  auto done = reload();
  auto next = reload();
  auto hung = asked_of_source;
  pass(delivery_patience);
  CAF_CHECK(problem_of(done).find("the policy source does not deliver") == 0);
  CAF_CHECK(log().find("msg=policy_source_hangs hanging=1 limit=4") != std::string::npos);
  CAF_REQUIRE_EQUAL(scripts.size(), 2u);
  CAF_CHECK(hung->told_to_end);
  CAF_CHECK_EQUAL(hung->wishes.size(), 1u);
  CAF_CHECK_EQUAL(asked_of_source->wishes.size(), 1u);
  self->send(sources[0], policy_delivery{}); // it goes on too late, and ends
  run();
  CAF_CHECK(shards[0]->snapshots.empty());
  CAF_CHECK(!next->has_value());
  deliver();
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 1u);
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(next), 2u);
  pass(std::chrono::seconds{1});
  CAF_CHECK(failures.empty());
}

CAF_TEST(so many sources may hang and no more until one goes on) {
  hang(max_hanging_sources);
  CAF_CHECK_EQUAL(scripts.size(), max_hanging_sources);
  auto refused = reload(); // at once: nobody is asked
  CAF_CHECK(problem_of(refused).find("the policy source does not deliver: 4 hang") == 0);
  CAF_CHECK(log().find("the policy source does not deliver: 4 hang") != std::string::npos);
  CAF_CHECK_EQUAL(scripts.size(), max_hanging_sources);
  CAF_CHECK(current() == first.next);
  self->send(sources[1], policy_delivery{}); // goes on, and ends
  run();
  auto done = reload();
  CAF_CHECK_EQUAL(scripts.size(), max_hanging_sources + 1);
  deliver();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 2u);
  pass(std::chrono::seconds{1});
  CAF_CHECK(failures.empty());
}

CAF_TEST(where no other source can be begun a change is refused and the next tries again) {
  works = false;
  hang(1);
  CAF_CHECK(problem_of(reload()).find("no thread") != std::string::npos);
  works = true;
  auto done = reload();
  deliver();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 2u);
}

CAF_TEST(a source that is lost refuses changes at once) {
  auto done = reload();
  auto waiting = set_mode(policy::mode::limited);
  asked_of_source->owed.clear();
  caf::anon_send_exit(scripted, caf::exit_reason::kill);
  run();
  auto lost = std::string{"the policy source does not deliver: it is lost, and the proxy ends"};
  for (auto& each : {done, waiting, reload()})
    CAF_CHECK_EQUAL(problem_of(each), lost);
  CAF_CHECK_EQUAL(scripts.size(), 1u);
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

CAF_TEST(an end at once refuses the change and those that wait and come and says why) {
  auto done = reload();
  auto waiting = reload();
  self->request(store, std::chrono::seconds{10}, atom::close_v, std::string{"ca is lost"});
  run();
  auto late = reload();
  for (auto& change : {done, waiting, late}) {
    CAF_CHECK_EQUAL(problem_of(change), "ca is lost");
    CAF_CHECK((*change)->ends);
  }
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

struct wide_scripted_fixture : scripted_fixture {
  wide_scripted_fixture() : scripted_fixture("0.0.0.0") {}
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(wide_source_tests, wide_scripted_fixture)

CAF_TEST(a source that hangs over the addresses of the machine is let go of too) {
  move_machine(std::nullopt);
  CAF_CHECK_EQUAL(asked_of_source->owed_addresses.size(), 1u);
  pass(delivery_patience);
  CAF_CHECK(log().find("msg=policy_source_hangs") != std::string::npos);
  CAF_CHECK(log().find("msg=addresses_unread") != std::string::npos);
  pass(addresses_pause); // another one is asked
  CAF_REQUIRE_EQUAL(scripts.size(), 2u);
  self->send(scripted, machine_addresses_read{std::vector{ip_address::v4(0xCB007101)}});
  run();
  CAF_REQUIRE_EQUAL(shards[0]->snapshots.size(), 1u);
  acknowledge();
  CAF_CHECK_EQUAL(current()->generation, 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// What an owner of listeners was asked, and the answers that it owes.
struct late_binding {
  std::deque<caf::typed_response_promise<bound_listeners>> owed;
  bool let_go = false;
  bool holds_on = false; ///< To what is in force no more.
  caf::typed_response_promise<bool> holding;
};

/// Binds when the test says so.
using late_owner_actor =
  listener_owner_actor::extend<caf::reacts_to<bound_listeners>, caf::reacts_to<bool>>;

late_owner_actor::behavior_type late_owner(late_owner_actor::pointer self,
                                           std::shared_ptr<late_binding> into) {
  return {
    [=](const bound_listeners& bound) {
      CAF_REQUIRE(!into->owed.empty());
      into->owed.front().deliver(bound);
      into->owed.pop_front();
    },
    [=](bool let_go) { into->holding.deliver(let_go); },
    [=](atom::bind, const config_ptr&) {
      into->owed.push_back(self->make_response_promise<bound_listeners>());
      return into->owed.back();
    },
    [=](atom::install, const listener_set&) {
      into->holding = self->make_response_promise<bool>();
      return into->holds_on ? into->holding : into->holding.deliver(true);
    },
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
    asked_of_owner->holding = {};
  }

  void bind() {
    self->send(late, bound_listeners{});
    run();
  }
  /// Has the owner say that it has let go of what is in force no more.
  void let_go() {
    self->send(late, true);
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

CAF_TEST(workers hear of a policy when its old listeners are theirs alone) {
  struct row {
    const char* name;
    std::function<void(late_binding_fixture&)> happens;
  };
  asked_of_owner->holds_on = true;
  uint64_t generation = 1;
  for (const auto& [name, happens] : std::initializer_list<row>{
         {"the owner has let go", [](auto& f) { f.let_go(); }},
         {"it says nothing", [](auto& f) { f.pass(binding_patience); }},
         {"a drain begins",
          [](auto& f) {
            f.self->send(f.store, atom::drain_v);
            f.run();
            f.let_go();
          }},
       }) {
    CAF_MESSAGE(name);
    auto told = shards[0]->snapshots.size();
    auto done = reload();
    bind();
    CAF_CHECK_EQUAL(shards[0]->snapshots.size(), told);
    happens(*this);
    run();
    CAF_CHECK_EQUAL(shards[0]->snapshots.size(), told + 1);
    CAF_CHECK(!done->has_value());
    acknowledge();
    CAF_CHECK_EQUAL(generation_of(done), ++generation);
  }
}

CAF_TEST(a worker that is lost while the owner lets go ends the change) {
  asked_of_owner->holds_on = true;
  auto done = reload();
  bind();
  caf::anon_send_exit(handles[1], caf::exit_reason::kill);
  run();
  CAF_CHECK_EQUAL(problem_of(done).find("worker 1 has ended ("), 0u);
  let_go();
  CAF_CHECK(shards[0]->snapshots.empty());
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
