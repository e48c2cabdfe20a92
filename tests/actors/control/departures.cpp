#define CAF_SUITE actors.control.departures
#include "actors/control/departures.hpp" // unit under test

#include <caf/event_based_actor.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

struct fixture : test_coordinator_fixture<> {
  /// An actor that is waited for by this name until it ends.
  caf::actor there(const std::string& name) {
    auto made = sys.spawn([](int) -> caf::behavior { return {[](int) {}}; }, 0);
    departures::add(all, name, made);
    return made;
  }
  void end(const caf::actor& who) {
    caf::anon_send_exit(who, caf::exit_reason::kill);
    run();
  }
  /// Waits as long as it has to, or not at all.
  void be(bool patient) { all->begin(std::chrono::steady_clock::now() + (patient ? 600s : -1s)); }

  std::shared_ptr<departures> all = std::make_shared<departures>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(departures_tests, fixture)

CAF_TEST(whoever has gone is not waited for) {
  end(there("worker"));
  be(true);
  CAF_CHECK(all->await("worker"));
  CAF_CHECK(all->await("nobody"));
}

CAF_TEST(all of a name have to go and only they) {
  auto first = there("worker"), second = there("worker"), other = there("audit");
  end(first);
  be(false);
  CAF_CHECK(!all->await("worker"));
  end(second);
  CAF_CHECK(all->await("worker"));
  CAF_CHECK(!all->await("audit"));
  end(other);
}

CAF_TEST(one that does not end is given up at the deadline) {
  auto hangs = there("audit");
  be(false);
  CAF_CHECK(!all->await("audit"));
  CAF_CHECK(!all->await_unhurried("audit"));
  end(hangs);
  CAF_CHECK(all->await_unhurried("audit"));
}

CAF_TEST(a hurry cuts short what may be and nothing else) {
  auto reads = there("policy_source");
  be(true);
  all->hurry();
  CAF_CHECK(!all->await_unhurried("policy_source"));
  end(reads);
  CAF_CHECK(all->await("policy_source"));
}

CAF_TEST_FIXTURE_SCOPE_END()
