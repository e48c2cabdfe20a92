#define CAF_SUITE actors.control.failure_report
#include "actors/control/failure_report.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

struct fixture {
  std::string lines;
  std::vector<std::string> told;
  log_ptr log = std::make_shared<logger>(config::log{}, [this](std::string_view more) {
    lines += more;
    return size_t{0};
  });
  failure_report report{log, [this](const std::string& why) { told.push_back(why); }};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(failure_report_tests, fixture)

CAF_TEST(a loss is logged with a last line of its own before the owner is told of it) {
  report.lost("audit", "does not end");
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0], "audit: does not end");
  auto lost = lines.find("msg=actor_lost actor=\"audit\" error=\"does not end\"");
  auto stopped = lines.find("msg=stopped lost=\"audit: does not end\"");
  CAF_CHECK(lost != std::string::npos && stopped != std::string::npos && lost < stopped);
}

CAF_TEST(a loss that is noticed is logged before the owner is told and not again) {
  report.notice("supervisor", "killed");
  (void)log->flush();
  CAF_CHECK(lines.find("msg=actor_lost actor=\"supervisor\" error=\"killed\"") !=
            std::string::npos);
  CAF_CHECK(told.empty());
  lines.clear();
  report.lost("supervisor", "killed");
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK(lines.find("msg=actor_lost") == std::string::npos);
  CAF_CHECK(lines.find("msg=stopped lost=\"supervisor: killed\"") != std::string::npos);
}

CAF_TEST(the owner is told once whoever finds out) {
  report("worker 1: killed");
  report.lost("audit", "does not end");
  report("worker 2: killed");
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0], "worker 1: killed");
  (void)log->flush();
  CAF_CHECK_EQUAL(lines, "");
}

CAF_TEST_FIXTURE_SCOPE_END()
