#define CAF_SUITE actors.control.policy.policy_sources
#include "actors/control/policy/policy_sources.hpp" // unit under test

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <caf/send.hpp>
#include <system_error>

#include "actors/control/threads.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

namespace {

struct fixture : test_coordinator_fixture<>, config::test::folder {
  fixture() {
    leaving->begin(std::chrono::steady_clock::now() + std::chrono::minutes{10});
    watcher = sys.spawn(
      supervisor,
      supervisor_start{
        log, sys.spawn(listener_owner, listener_set{}, &this_machine().network),
        [this](const std::string& why) { told += why; },
        [this](const std::string& name, const caf::strong_actor_ptr&) { seen += name + ' '; }});
    all = std::make_unique<policy_sources>(sys, from(), watcher, leaving);
  }
  ~fixture() override {
    all->end();
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    consume_messages();
  }

  std::string text; ///< Written by the log's thread.
  log_ptr log = std::make_shared<logger>(config::log{}, [this](std::string_view lines) {
    text += lines;
    return size_t{0};
  });
  std::string told, seen;
  std::shared_ptr<departures> leaving = std::make_shared<departures>();
  supervisor_actor watcher;
  std::unique_ptr<policy_sources> all;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(policy_sources_tests, fixture)

CAF_TEST(each that is begun is watched) {
  auto one = all->begin(), two = all->begin();
  CAF_CHECK(one && two && one != two);
  consume_messages();
  CAF_CHECK_EQUAL(seen, "policy_source policy_source ");
}

CAF_TEST(all of them end with the proxy and so does one that is begun too late) {
  auto one = all->begin(), two = all->begin();
  all->end();
  CAF_CHECK(leaving->await("policy_source"));
  auto late = all->begin();
  CAF_CHECK(late);
  CAF_CHECK(leaving->await("policy_source"));
}

CAF_TEST(nobody waits for the thread of one that cannot be begun) {
  if (::geteuid() != 0)
    return; // who is limited is a user that has no other process
  auto child = ::fork();
  if (child == 0) {
    rlimit none{0, 0};
    auto before = sys.detached_actors();
    if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setuid(61'424) != 0)
      ::_exit(3);
    try {
      (void)all->begin();
      ::_exit(2);
    } catch (const std::system_error&) {
      ::_exit(sys.detached_actors() == before && !can_have_threads(1) ? 0 : 1);
    }
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CAF_CHECK_EQUAL(status, 0);
  CAF_CHECK(can_have_threads(3));
}

CAF_TEST_FIXTURE_SCOPE_END()
