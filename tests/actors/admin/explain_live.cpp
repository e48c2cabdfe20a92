#define CAF_SUITE actors.admin.explain_live
#include "actors/admin/explain.hpp" // unit under test, beside the flows that it speaks of

#include "tests/actors/rules_fixture.hpp"
#include "tests/policy/hooks.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using policy::action;
using policy::protocol;

/// What becomes of a request, in the same words by either way.
struct fate {
  bool through = false;
  std::string refusal{}; ///< Reason, source, decision.
  std::string rule{};
  friend bool operator==(const fate&, const fate&) = default;
};

std::string to_string(const fate& f) {
  return f.through ? "through" : f.refusal + " by \"" + f.rule + '"';
}

struct request {
  std::string method;
  std::string target; ///< A URL; for CONNECT also an address. Of its URL the tunnel comes first.
};

struct fixture : rules_fixture {
  [[nodiscard]] fate live(const request& asked) {
    auto before = answer<blocked_page>(atom::blocked_v).total;
    auto c = client();
    auto host = asked.target;
    auto target = asked.target;
    if (auto scheme = host.find("://"); scheme != std::string::npos)
      host = host.substr(scheme + 3, host.find('/', scheme + 3) - scheme - 3);
    if (asked.method == "CONNECT")
      target = host += host.find(':') == std::string::npos ? ":443" : "";
    auto came_to =
      outcome_of(c, asked.method + ' ' + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    auto page = answer<blocked_page>(atom::blocked_v);
    if (page.total == before)
      return {.through = came_to == "through", .refusal = came_to};
    const auto& last = *page.entries.back();
    return {false,
            std::string{last.reason_text()} + ", " + std::string{policy::to_string(last.source)} +
              ", " + std::string{policy::to_string(last.decision)},
            last.rule};
  }

  [[nodiscard]] fate explained(const request& asked) const {
    question q;
    q.method = asked.method == "CONNECT" ? "GET" : asked.method;
    q.address = asked.target;
    if (asked.method != "CONNECT" && asked.target.starts_with("https://"))
      q.protocol = protocol::http; // in absolute form
    auto what = unbox(parse_question(q));
    auto e = explain(*in_force, what, dns_answer{});
    if (e.goes_through())
      return {.through = true};
    return {false, e.reason + ", " + e.source + ", " + std::string{policy::to_string(e.decision)},
            e.rule ? e.rule->text : ""};
  }
};

policy::rule limited_to(policy::rule of, std::vector<std::string> methods,
                        const std::vector<std::string>& paths) {
  policy::request_limits limits;
  limits.methods = std::move(methods);
  limits.path_prefixes = policy::test::matchers(paths, policy::value_matcher::use::path);
  of.request = std::make_shared<const policy::request_limits>(std::move(limits));
  return of;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(explain_live_tests, fixture)

CAF_TEST(what explain says is what becomes of the request) {
  auto to = [this](action act) { return rule_for(act, "localhost"); };
  auto elsewhere = rule_for(action::deny, "127.0.0.66");
  auto for_http = to(action::allow);
  for_http.protocols = {protocol::http};
  auto for_https = to(action::allow);
  for_https.protocols = {protocol::https};
  auto ended = to(action::allow);
  ended.until = std::chrono::system_clock::now() - std::chrono::hours{1};
  auto other_port = to(action::allow);
  other_port.ports = {1};
  auto hook = policy::rules_from({.hooks = {policy::test::hook_of({.host = "localhost"})}}).back();
  const std::string listed = "allowed_domains = [\"localhost\", \"127.0.0.1\", \"0.0.0.0/0\"]\n";
  struct policy_row {
    std::string_view words;
    std::string lines;
    std::vector<policy::rule> rules;
    bool mitm = false;
  };
  const std::vector<policy_row> policies{
    {"nothing is listed", "", {}},
    {"nothing is listed and local hosts are open", "allow_local_binding = true\n", {}},
    {"a list", listed + "denied_domains = [\"127.0.0.66\"]\n", {}},
    {"limited mode", listed + "mode = \"limited\"\n", {}},
    {"limited mode that reads", listed + "mode = \"limited\"\n", {}, true},
    {"a rule", "", {to(action::allow), elsewhere}},
    {"a rule that ended", "", {ended}},
    {"a rule for another port", "", {other_port}},
    {"a rule for HTTP", "", {for_http}},
    {"a rule for HTTPS unread", "", {for_https}},
    {"a rule for HTTPS", "", {for_https}, true},
    {"a rule about requests", "", {limited_to(to(action::allow), {"GET"}, {"/v1/"})}},
    {"a denied path beside a list", listed, {limited_to(to(action::deny), {}, {"/v2/"})}},
    {"a denied path that is read", listed, {limited_to(to(action::deny), {}, {"/v2/"})}, true},
    {"a hook", listed, {hook}, true},
    {"a hook whose requests nobody reads", listed, {hook}},
    {"a hook and the mode", listed + "mode = \"limited\"\n", {hook}, true},
    {"a rule that asks", "allow_local_binding = true\n", {to(action::ask)}},
    {"a rule that asks about requests",
     "allow_local_binding = true\n",
     {limited_to(to(action::ask), {"POST"}, {})},
     true},
  };
  for (auto& [words, lines, rules, mitm] : policies) {
    (void)install_rules(lines, rules, [mitm = mitm](policy::rules& r) { r.mitm = mitm; });
    auto here = "localhost:" + std::to_string(origin.port());
    for (auto& asked : std::initializer_list<request>{
           {"GET", "http://" + here + "/v1/a"},
           {"GET", "http://" + here + "/v2/a"},
           {"GET", "http://" + here + "/v1/../v2/%61"},
           {"POST", "http://" + here + "/v1/a"},
           {"GET", "http://127.0.0.66:1/"},
           {"GET", "http://127.0.0.1:" + std::to_string(port_of(endpoint::http)) + "/"},
           {"GET", "http://10.1.1.1:1/"},
           {"GET", "http://169.254.169.254/"},
           {"GET", "https://127.0.0.66:1/"},
           {"CONNECT", "https://10.1.1.1:1/"},
           {"CONNECT", "https://127.0.0.66:443/v2/"},
           {"CONNECT", "https://169.254.169.254/"},
           {"CONNECT", here},
           {"CONNECT", "127.0.0.66:443"},
         }) {
      auto expected = explained(asked);
      if (expected.through && asked.target.find(here) == std::string::npos)
        continue; // to be dialled somewhere else: no origin of ours
      CAF_MESSAGE(words << ": " << asked.method << ' ' << asked.target);
      CAF_CHECK_EQUAL(to_string(live(asked)), to_string(expected));
    }
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
