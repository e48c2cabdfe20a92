#define CAF_SUITE actors.observe.event_hub
#include "actors/observe/event_hub.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

using heard_events = std::shared_ptr<std::vector<decision_event_ptr>>;

audit_actor::behavior_type listening(audit_actor::pointer, heard_events heard) {
  return {
    [heard](atom::record, const decision_event_ptr& event) { heard->push_back(event); },
    [](atom::configure, const config_ptr&) { return true; },
    [](atom::reopen) {},
    [](atom::flush) { return true; },
  };
}

/// A hub whose audit trail is written when the test lets it, and whose log keeps nothing.
struct fixture : test_coordinator_fixture<> {
  ~fixture() {
    hub.audit_to({}, 0);
    anon_send_exit(writer, caf::exit_reason::user_shutdown);
    run();
  }

  static std::shared_ptr<decision_event> refusal(uint64_t id) {
    auto event = std::make_shared<decision_event>();
    event->decision = policy::decision::deny;
    event->reason = policy::reason::denied;
    event->id = id;
    return event;
  }

  heard_events heard = std::make_shared<std::vector<decision_event_ptr>>();
  audit_actor writer = sys.spawn(listening, heard);
  std::shared_ptr<size_t> logged = std::make_shared<size_t>(); // lines; read after a flush
  log_ptr log =
    std::make_shared<logger>(config::log{}, [to = logged](std::string_view lines) -> size_t {
      *to += static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
      return 0;
    });
  std::shared_ptr<subscriber_queue> queue = std::make_shared<subscriber_queue>();
  event_hub hub{log, queue};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(event_hub_tests, fixture)

CAF_TEST(all who listen share one event) {
  hub.audit_to(writer, 10);
  decision_event_ptr event = refusal(7);
  hub.publish(event);
  run();
  CAF_REQUIRE_EQUAL(heard->size(), 1u);
  CAF_CHECK(heard->front() == event);
  CAF_CHECK(hub.blocked().entries.at(0) == event);
  CAF_CHECK(log->flush());
  CAF_CHECK_EQUAL(*logged, 1u);
}

CAF_TEST(nobody asks for what is allowed unless there is an audit trail) {
  CAF_CHECK(!hub.wants_admission());
  CAF_CHECK(hub.wants_fault()); // the log does
  config::log quiet;
  quiet.level = "warn";
  log->apply(quiet);
  CAF_CHECK(!hub.wants_fault());
  hub.audit_to(writer, 10);
  CAF_CHECK(hub.wants_admission());
  CAF_CHECK(hub.wants_fault());
  hub.audit_to({}, 0);
  CAF_CHECK(!hub.wants_admission());
}

CAF_TEST(what a collector has no room for is not made and counted once) {
  config::log quiet;
  quiet.level = "warn";
  log->apply(quiet);
  auto box = std::make_shared<outlet>();
  hub.export_to(box);
  CAF_CHECK(!hub.wants_admission()); // nothing is sent
  box->open(true, false, 1);
  CAF_CHECK(hub.wants_admission());
  hub.publish(std::make_shared<decision_event>());
  CAF_CHECK(!hub.wants_admission());
  CAF_CHECK(!hub.wants_fault());
  CAF_CHECK_EQUAL(box->lost(otlp_loss::queue_full), 2u);
  hub.publish(refusal(7)); // made for the list
  CAF_CHECK_EQUAL(box->lost(otlp_loss::queue_full), 3u);
  hub.audit_to(writer, 10);
  CAF_CHECK(hub.wants_admission());
  hub.publish(std::make_shared<decision_event>()); // made for the audit trail
  CAF_CHECK_EQUAL(box->lost(otlp_loss::queue_full), 4u);
  CAF_CHECK_EQUAL(box->waiting(), 1u);
}

CAF_TEST(what was allowed and what failed go where they belong) {
  hub.audit_to(writer, 10);
  hub.publish(std::make_shared<decision_event>()); // allowed
  auto failed = std::make_shared<decision_event>();
  failed->fault = fault_facts{errc::dns_error, "why"};
  hub.publish(failed);
  hub.publish(refusal(0)); // not to be listed
  run();
  CAF_CHECK_EQUAL(heard->size(), 3u);
  CAF_CHECK_EQUAL(hub.blocked().total, 0u);
  CAF_CHECK(log->flush());
  CAF_CHECK_EQUAL(*logged, 2u); // not what was allowed
}

CAF_TEST(a slow audit trail loses events by itself and is told so) {
  hub.audit_to(writer, 3);
  for (uint64_t id = 1; id <= 5; ++id)
    hub.publish(refusal(id)); // the writer has not run yet
  CAF_CHECK_EQUAL(queue->waiting.load(), 3u);
  CAF_CHECK_EQUAL(queue->dropped.load(), 2u);
  CAF_CHECK_EQUAL(hub.blocked().total, 5u);
  CAF_CHECK(log->flush());
  CAF_CHECK_EQUAL(*logged, 5u);
  run();
  CAF_CHECK_EQUAL(heard->size(), 3u);
  queue->leave(3);
  hub.publish(refusal(6));
  run();
  CAF_CHECK_EQUAL(heard->back()->id, 6u);
  CAF_CHECK_EQUAL(queue->dropped.load(), 2u);
}

CAF_TEST(the ring keeps the newest and counts all) {
  for (uint64_t id = 1; id <= blocked_ring::max_size + 3; ++id)
    hub.publish(refusal(id));
  auto page = hub.blocked();
  CAF_CHECK_EQUAL(page.total, blocked_ring::max_size + 3);
  CAF_REQUIRE_EQUAL(page.entries.size(), blocked_ring::max_size);
  CAF_CHECK_EQUAL(page.entries.front()->id, 4u);
  CAF_CHECK_EQUAL(page.entries.back()->id, blocked_ring::max_size + 3);
}

CAF_TEST_FIXTURE_SCOPE_END()
