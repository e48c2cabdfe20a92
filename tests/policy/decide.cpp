#define CAF_SUITE policy.decide
#include "policy/decide.hpp" // unit under test

#include <type_traits>

#include "tests/policy/asking.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

// Only `decide` makes a permit.
static_assert(!std::is_default_constructible_v<permit>);
static_assert(!std::is_constructible_v<permit, target, const placed_text*, source>);
static_assert(!std::is_constructible_v<permit, target>);

namespace {

using texts = std::vector<std::string>;

} // namespace

CAF_TEST(the steps are taken in their order) {
  auto in_force =
    allowing({"a.test", "both.test", "127.0.0.1"}, {"denied.test", "both.test", "10.0.0.0/8"});
  in_force.own_listeners = {{ip("127.0.0.1"), 3128}, {ip("10.0.0.1"), 3128}};
  CAF_CHECK_EQUAL(judge(in_force, get("a.test")), "allow");
  CAF_CHECK_EQUAL(judge(in_force, get("b.test")), "not_allowed");
  CAF_CHECK_EQUAL(judge(in_force, get("denied.test")), "denied");
  CAF_CHECK_EQUAL(judge(in_force, get("both.test")), "denied");      // 3 before 6
  CAF_CHECK_EQUAL(judge(in_force, get("10.0.0.1", 3128)), "denied"); // 3 before 4
  CAF_CHECK_EQUAL(judge(in_force, get("127.0.0.1", 3128)),
                  "not_allowed_local"); // 4 before 6, though listed
  CAF_CHECK_EQUAL(judge(in_force, get("127.0.0.1", 80)), "allow");
  CAF_CHECK_EQUAL(judge(in_force, get("192.168.0.1")), "not_allowed_local"); // 5 before 6
  in_force.enabled = false;
  for (auto name : {"a.test", "denied.test", "127.0.0.1"})
    CAF_CHECK_EQUAL(judge(in_force, get(name)), "proxy_disabled"); // 2 before all else
}

CAF_TEST(a denial names what decided it) {
  auto in_force = allowing({"a.test"}, {"x.test", "*.denied.test"});
  auto verdict = decided(in_force, get("a.denied.test"));
  auto& no = std::get<denial>(verdict);
  CAF_REQUIRE(no.rule != nullptr);
  CAF_CHECK_EQUAL(no.rule->text, "*.denied.test");
  CAF_CHECK_EQUAL(no.rule->line, 2u);
  CAF_CHECK_EQUAL(to_string(no.source), "baseline_policy");
  CAF_CHECK(no.domain_scope);

  auto allowed = decided(in_force, get("a.test"));
  CAF_REQUIRE(std::get<permit>(allowed).rule() != nullptr);
  CAF_CHECK_EQUAL(std::get<permit>(allowed).rule()->text, "a.test");
  CAF_CHECK_EQUAL(std::get<permit>(allowed).to().host.text(), "a.test");

  in_force.enabled = false;
  auto off = decided(in_force, get("a.test"));
  CAF_CHECK_EQUAL(to_string(std::get<denial>(off).source), "proxy_state");
  CAF_CHECK(!std::get<denial>(off).domain_scope);
}

CAF_TEST(before the first snapshot everything is refused) {
  auto none = deny_all();
  CAF_REQUIRE(none && none->table);
  CAF_CHECK_EQUAL(judge(*none, get("example.com")), "proxy_disabled");
}

CAF_TEST(limited mode is judged after the host) {
  struct row {
    protocol by;
    std::string method;
    bool upgrade, mitm;
    std::string_view answer;
    bool two = false; ///< The host is a decision of its own before this one.
  };
  for (auto& [by, method, upgrade, mitm, answer, two] : std::initializer_list<row>{
         {protocol::http, "GET", false, false, "allow"},
         {protocol::http, "HEAD", false, false, "allow"},
         {protocol::http, "OPTIONS", false, false, "allow"},
         {protocol::http, "get", false, false, "method_not_allowed", true},
         {protocol::http, "POST", false, true, "method_not_allowed", true},
         {protocol::http, "GET", true, true, "method_not_allowed", true},
         {protocol::https, "GET", false, false, "allow"},
         {protocol::https, "POST", false, true, "method_not_allowed", true},
         {protocol::https, "GET", true, false, "method_not_allowed", true},
         {protocol::https_connect, "CONNECT", false, false, "mitm_required", true},
         {protocol::https_connect, "CONNECT", false, true, "allow"},
         {protocol::socks5_tcp, "", false, true, "method_not_allowed"},
         {protocol::socks5_udp, "", false, false, "method_not_allowed"},
       }) {
    CAF_MESSAGE(method << " by " << to_string(by));
    auto in_force = allowing({"a.test"}, {"denied.test"});
    in_force.mitm = mitm;
    auto what = get("a.test");
    what.protocol = by;
    what.method = method;
    what.upgrade = upgrade;
    CAF_CHECK_EQUAL(judge(in_force, what), "allow"); // full mode
    set_mode(in_force, mode::limited);
    auto verdict = decided(in_force, what);
    CAF_CHECK_EQUAL(said(verdict), answer);
    if (auto no = std::get_if<denial>(&verdict)) {
      CAF_CHECK_EQUAL(to_string(no->source), "mode_guard");
      CAF_CHECK(!no->domain_scope);
      CAF_CHECK_EQUAL(no->passed ? no->passed->text : "", two ? "a.test" : "");
    }
    what.host = get("denied.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), "denied");
    what.host = get("other.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), "not_allowed");
  }
}

CAF_TEST(datagrams are relayed where SOCKS5 and UDP are offered and the mode is full) {
  struct row {
    bool enabled, socks5, udp, limited;
    std::string_view answer, last_step;
  };
  for (auto& [enabled, socks5, udp, limited, answer, last_step] : std::initializer_list<row>{
         {true, true, true, false, "allow", "method: full: any method"},
         {true, true, true, true, "method_not_allowed", "method: limited: no SOCKS5"},
         {true, true, false, true, "proxy_disabled", "enabled: no UDP over SOCKS5"},
         {true, false, true, true, "proxy_disabled", "enabled: no SOCKS5"},
         {false, true, true, true, "proxy_disabled", "enabled: no"},
       }) {
    CAF_MESSAGE(last_step);
    auto in_force = allowing({"a.test"});
    in_force.enabled = enabled;
    in_force.socks5 = socks5;
    in_force.socks5_udp = udp;
    set_mode(in_force, limited ? mode::limited : mode::full);
    trace why;
    auto no = why_no_association(in_force, &why);
    CAF_CHECK_EQUAL(said(no), answer);
    CAF_CHECK_EQUAL(std::string{why.back().name} + ": " + why.back().outcome, last_step);
    if (no)
      CAF_CHECK(!no->domain_scope);
    // A datagram is told the same.
    auto what = get("a.test");
    what.protocol = protocol::socks5_udp;
    CAF_CHECK_EQUAL(judge(in_force, what), answer);
    // The other ways in do not ask for UDP.
    what.protocol = protocol::socks5_tcp;
    CAF_CHECK_EQUAL(judge(in_force, what) == "proxy_disabled", !enabled || !socks5);
    what.protocol = protocol::http;
    CAF_CHECK_EQUAL(judge(in_force, what) == "proxy_disabled", !enabled);
  }
}

CAF_TEST(limited mode knows three methods in exactly one spelling) {
  auto full = allowing({"a.test"});
  auto limited = full;
  set_mode(limited, mode::limited);
  auto what = get("a.test");
  for (auto method : {"GET", "HEAD", "OPTIONS"}) {
    what.method = method;
    CAF_CHECK_EQUAL(judge(limited, what), "allow");
  }
  for (auto method :
       {"get", "Get", "GET ", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", ""}) {
    CAF_MESSAGE(method);
    what.method = method;
    CAF_CHECK_EQUAL(judge(limited, what), "method_not_allowed");
    CAF_CHECK_EQUAL(judge(full, what), "allow");
  }
}

CAF_TEST(an open tunnel is closed when new rules refuse it) {
  auto tunnel = get("a.test", 443);
  tunnel.protocol = protocol::https_connect;
  tunnel.method = "CONNECT";
  auto again = [&](const rules& in_force, std::string_view connected = "1.1.1.1",
                   bool by_decider = false) {
    auto no = judged_again(in_force, tunnel,
                           {.connected = std::string{connected}, .by_decider = by_decider});
    return no == "allow" ? "goes on" : no;
  };
  CAF_CHECK_EQUAL(again(allowing({"a.test"})), "goes on");
  CAF_CHECK_EQUAL(again(allowing({"b.test"})), "not_allowed");
  CAF_CHECK_EQUAL(again(allowing({"b.test"}), "1.1.1.1", true),
                  "goes on"); // the decider's word stands
  CAF_CHECK_EQUAL(again(allowing({"b.test"}, {"a.test"}), "1.1.1.1", true), "denied");
  CAF_CHECK_EQUAL(again(allowing({"a.test"}, {"1.1.1.0/24"})), "denied");
  CAF_CHECK_EQUAL(again(allowing({"a.test"}, {"1.1.1.0/24"}), "1.1.1.1", true), "denied");
  CAF_CHECK_EQUAL(again(allowing({"a.test"}), "10.0.0.1"),
                  "not_allowed_local"); // allow_local_binding was taken away
  CAF_CHECK_EQUAL(again(allowing({}), "10.0.0.1", true), "not_allowed_local");
  auto limited = allowing({"a.test"});
  set_mode(limited, mode::limited);
  CAF_CHECK_EQUAL(again(limited), "mitm_required");
  CAF_CHECK_EQUAL(again(limited, "1.1.1.1", true), "mitm_required");
  limited.mitm = true;
  CAF_CHECK_EQUAL(again(limited), "mitm_required"); // opened unseen in full mode
  CAF_CHECK_EQUAL(judged_again(limited, tunnel, {.reading = reading::done}), "allow");
  limited.mitm = false;
  CAF_CHECK_EQUAL(judged_again(limited, tunnel, {.reading = reading::done}), "mitm_required");
  auto off = allowing({"a.test"});
  off.enabled = false;
  CAF_CHECK_EQUAL(again(off, "1.1.1.1", true), "proxy_disabled");
}

CAF_TEST(every step passed is told and the last one says what decided) {
  auto steps = [](const rules& in_force, const target& what, const texts& answers = {}) {
    trace why;
    auto addresses = ips(answers);
    query q{.to = what};
    if (!answers.empty())
      q.leads_to = destination{.addresses = addresses};
    std::ignore = decide(in_force, q, &why);
    texts out;
    for (auto& s : why)
      out.push_back(std::string{s.name} + ": " + s.outcome);
    return caf::deep_to_string(out);
  };
  auto told = [](const texts& all) { return caf::deep_to_string(all); };
  auto in_force = allowing({"a.test", "127.0.0.1"}, {"*.denied.test", "9.9.9.9"});
  CAF_CHECK_EQUAL(
    steps(in_force, get("a.test"), {"1.1.1.1", "10.0.0.1"}),
    told({"host: a.test:80", "enabled: yes", "denied_domains: no match", "own_listeners: no match",
          "local: not a local name or literal", "allowed_domains: matches a.test (config.toml:1)",
          "method: full: any method", "addresses: 1.1.1.1: global",
          "addresses: 10.0.0.1: private use"}));
  CAF_CHECK_EQUAL(steps(in_force, get("x.denied.test")),
                  told({"host: x.denied.test:80", "enabled: yes",
                        "denied_domains: matches *.denied.test (config.toml:1)"}));
  CAF_CHECK_EQUAL(steps(in_force, get("[::1]")),
                  told({"host: [::1]:80", "enabled: yes", "denied_domains: no match",
                        "own_listeners: no match", "local: local, not listed explicitly"}));
  CAF_CHECK_EQUAL(
    steps(in_force, get("a.test"), {"9.9.9.9"}),
    told({"host: a.test:80", "enabled: yes", "denied_domains: no match", "own_listeners: no match",
          "local: not a local name or literal", "allowed_domains: matches a.test (config.toml:1)",
          "method: full: any method",
          "addresses: 9.9.9.9: denied, matches 9.9.9.9 (config.toml:2)"}));
  in_force.enabled = false;
  CAF_CHECK_EQUAL(steps(in_force, get("a.test")), told({"host: a.test:80", "enabled: no"}));
}
