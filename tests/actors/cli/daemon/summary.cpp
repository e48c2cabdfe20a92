#define CAF_SUITE actors.cli.daemon.summary
#include "actors/cli/daemon/summary.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;

namespace {

decision_event_ptr refusal(std::string host, std::string method = "GET",
                           policy::reason reason = policy::reason::not_allowed,
                           std::string rule = "") {
  decision_event b;
  b.decision = policy::decision::deny;
  b.host = std::move(host);
  b.port = 80;
  b.method = std::move(method);
  b.reason = reason;
  b.rule = std::move(rule);
  return std::make_shared<const decision_event>(std::move(b));
}

} // namespace

CAF_TEST(nothing is said when nothing was refused) { CAF_CHECK_EQUAL(summary_of({}), ""); }

CAF_TEST(equal refusals are counted and the most frequent come first) {
  blocked_page page{{refusal("a.example"),
                     refusal("b.example", "", policy::reason::denied, "*.example"),
                     refusal("c.example"), refusal("c.example")},
                    4};
  CAF_CHECK_EQUAL(summary_of(page), "codex-network-proxy: 4 requests were refused\n"
                                    "  2 x GET c.example:80 not_allowed\n"
                                    "  1 x GET a.example:80 not_allowed\n"
                                    "  1 x http b.example:80 denied (*.example)\n");
  CAF_CHECK_EQUAL(summary_of({{refusal("a.example")}, 1}),
                  "codex-network-proxy: 1 request was refused\n"
                  "  1 x GET a.example:80 not_allowed\n");
}

CAF_TEST(a long list is cut) {
  blocked_page page;
  for (int i = 10; i < 40; ++i)
    page.entries.push_back(refusal("h" + std::to_string(i)));
  page.total = 500;
  auto text = summary_of(page);
  CAF_CHECK(text.starts_with("codex-network-proxy: 500 requests were refused\n"));
  CAF_CHECK(text.find("h29:") != std::string::npos);
  CAF_CHECK(text.find("h30:") == std::string::npos);
  CAF_CHECK(text.ends_with("  and 10 more\n  (only the last 30 are listed)\n"));
}
