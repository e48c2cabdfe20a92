#define CAF_SUITE policy.decide_rules
#include "policy/decide.hpp" // unit under test

#include "tests/policy/rule_making.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using namespace std::chrono_literals;

CAF_TEST(denied comes before allowed and allowed before asking whatever says so) {
  struct row {
    words allowed, denied;
    std::vector<action> also;
    std::string_view said;
  };
  for (auto& [allowed, denied, also, answer] : std::initializer_list<row>{
         {{}, {}, {}, "not_allowed"},
         {{}, {}, {action::allow}, "allow"},
         {{}, {}, {action::ask}, "ask"},
         {{}, {}, {action::deny}, "denied"},
         {{}, {}, {action::ask, action::allow}, "allow"},
         {{}, {}, {action::allow, action::deny}, "denied"},
         {{}, {}, {action::ask, action::deny}, "denied"},
         {{"a.test"}, {}, {action::ask}, "allow"},
         {{"a.test"}, {}, {action::deny}, "denied"},
         {{}, {"a.test"}, {action::allow, action::ask}, "denied"},
         {{"a.test"}, {"**.test"}, {action::allow}, "denied"},
       }) {
    std::vector<rule> more;
    for (auto act : also)
      more.push_back(rule_of(act));
    auto in_force = with(more, allowed, denied);
    for (auto p :
         {protocol::http, protocol::https_connect, protocol::socks5_tcp, protocol::socks5_udp})
      CAF_CHECK_EQUAL(said(decided(in_force, by(p, "a.test"))), answer);
  }
}

CAF_TEST(state and own listeners and local protection stand before every rule) {
  auto in_force = with({rule_of(action::allow, {"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0"})});
  in_force.own_listeners = {{ip("127.0.0.1"), 3128}};
  CAF_CHECK_EQUAL(said(decided(in_force, get("127.0.0.1", 3128))), "not_allowed_local");
  // An allow rule lists explicitly, but only what it says itself.
  CAF_CHECK_EQUAL(said(decided(in_force, get("127.0.0.1", 80))), "allow");
  CAF_CHECK_EQUAL(said(decided(in_force, get("10.1.1.1", 80))), "allow");
  CAF_CHECK_EQUAL(said(decided(in_force, get("192.168.1.1", 80))), "not_allowed_local");
  auto narrow = rule_of(action::allow, {"127.0.0.1"});
  narrow.ports = {8080};
  narrow.protocols = {protocol::http};
  in_force = with({narrow});
  CAF_CHECK_EQUAL(said(decided(in_force, get("127.0.0.1", 8080))), "allow");
  CAF_CHECK_EQUAL(said(decided(in_force, get("127.0.0.1", 80))), "not_allowed_local");
  CAF_CHECK_EQUAL(said(decided(in_force, by(protocol::socks5_udp, "127.0.0.1", 8080))),
                  "not_allowed_local");
  in_force.enabled = false;
  CAF_CHECK_EQUAL(said(decided(in_force, get("127.0.0.1", 8080))), "proxy_disabled");
}

CAF_TEST(hooks and the mode stand after the rules and before the addresses) {
  auto in_force =
    with({rule_of(action::allow, {"api.test", "a.test"}), rule_of(action::ask, {"ask.test"})});
  // Its addresses are bad, but that is not what is told.
  auto bad = ips({"10.0.0.1"});
  auto all = rules_from(
    {.hooks = {hook_of({.host = "api.test", .methods = {"PUT"}})}, .mode = mode::limited});
  all.push_back(rule_of(action::allow, {"api.test", "a.test"}));
  all.push_back(rule_of(action::ask, {"ask.test"}));
  std::vector<rule_table::problem> problems;
  in_force.table = rule_table::compile(std::move(all), problems);
  http1::request_path scratch;
  auto reach = [&](const target& to) {
    return said(decide(in_force, {.to = to,
                                  .request = request_facts{"/", {}, &scratch},
                                  .leads_to = destination{.addresses = bad}}));
  };
  CAF_CHECK_EQUAL(reach(request_inside("api.test", "POST")), "mitm_hook_denied");
  CAF_CHECK_EQUAL(reach(request_inside("api.test", "PUT")), "method_not_allowed");
  CAF_CHECK_EQUAL(reach(request_inside("a.test", "POST")), "method_not_allowed");
  CAF_CHECK_EQUAL(reach(request_inside("a.test", "GET")), "not_allowed_local");
  // A word would not help against the mode: nobody is asked, and the mode is told.
  CAF_CHECK_EQUAL(reach(request_inside("ask.test", "POST")), "method_not_allowed");
  CAF_CHECK_EQUAL(reach(request_inside("ask.test", "GET")), "ask");
}

CAF_TEST(each thing that a rule says has to fit) {
  struct row {
    std::string_view words;
    void (*say)(rule&);
    target fits, fits_not;
    read_request request{}, other_request{};
  };
  for (auto& [text, say, fits, fits_not, request, other] : std::initializer_list<row>{
         {"hosts",
          [](rule& r) {
            r.hosts = hosts({"*.b.test", "c.test:81"});
          },
          get("x.b.test"), get("b.test")},
         {"a port of a pattern", [](rule& r) { r.hosts = hosts({"c.test:81"}); }, get("c.test", 81),
          get("c.test")},
         {"ports",
          [](rule& r) {
            r.ports = {81, 82};
          },
          get("a.test", 82), get("a.test", 80)},
         {"protocols",
          [](rule& r) {
            r.protocols = {protocol::http, protocol::socks5_udp};
          },
          by(protocol::socks5_udp, "a.test"), by(protocol::socks5_tcp, "a.test")},
         {"methods",
          [](rule& r) {
            r.request = methods({"GET", "HEAD"});
          },
          request_inside("a.test"), request_inside("a.test", "POST")},
         {"methods over plain HTTP", [](rule& r) { r.request = methods({"GET"}); }, get("a.test"),
          [] {
            auto t = get("a.test");
            t.method = "PUT";
            return t;
          }()},
         {"paths",
          [](rule& r) {
            r.request = paths({"/v1/", "pattern:/x/*/y"});
          },
          request_inside("a.test"),
          request_inside("a.test"),
          {"/v1/a"},
          {"/v2/a"}},
         {"patterns of paths",
          [](rule& r) { r.request = paths({"pattern:/x/*/y"}); },
          request_inside("a.test"),
          request_inside("a.test"),
          {"/x/1/y"},
          {"/x/1/2/y"}},
         {"query",
          [](rule& r) {
            r.request = query_and_headers({{"q", {"1", "2"}}}, {});
          },
          request_inside("a.test"),
          request_inside("a.test"),
          {"/?q=2"},
          {"/?q=3"}},
         {"headers",
          [](rule& r) {
            r.request = query_and_headers({}, {{"x-v", {"1"}}});
          },
          request_inside("a.test"),
          request_inside("a.test"),
          {"/", {{"X-V", "1"}}},
          {"/", {{"X-V", "2"}}}},
       }) {
    CAF_MESSAGE(text);
    for (auto act : {action::allow, action::deny, action::ask}) {
      auto r = rule_of(act);
      say(r);
      auto in_force = with({r}, act == action::deny ? words{"**.test"} : words{});
      auto yes = act == action::allow ? "allow" : act == action::deny ? "denied" : "ask";
      CAF_CHECK_EQUAL(ask(in_force, fits, request), yes);
      CAF_CHECK_EQUAL(ask(in_force, fits_not, other),
                      act == action::deny ? "allow" : "not_allowed");
    }
  }
}

CAF_TEST(a rule for some clients holds for them alone) {
  auto r = rule_of(action::allow);
  r.who = {"agent-7", "agent-8"};
  auto in_force = with({r});
  auto to = get("a.test");
  CAF_CHECK_EQUAL(said(decide(in_force, {.to = to, .by = {.client = {"agent-8"}}})), "allow");
  CAF_CHECK_EQUAL(said(decide(in_force, {.to = to, .by = {.client = {"agent-9"}}})), "not_allowed");
  CAF_CHECK_EQUAL(said(decide(in_force, {.to = to})), "not_allowed");
}

CAF_TEST(a rule ends to the second and holds closed where the time is not known) {
  std::chrono::system_clock::time_point end{1'000'000s};
  for (auto act : {action::allow, action::deny, action::ask}) {
    auto r = rule_of(act);
    r.until = end;
    auto in_force = with({r}, act == action::deny ? words{"a.test"} : words{});
    CAF_CHECK(reads_time(in_force));
    auto to = get("a.test");
    auto at = [&](auto now) { return said(decide(in_force, {.to = to, .by = {.now = now}})); };
    auto during = act == action::allow ? "allow" : act == action::deny ? "denied" : "ask";
    auto after = act == action::deny ? "allow" : "not_allowed";
    CAF_CHECK_EQUAL(at(end - 1s), during);
    CAF_CHECK_EQUAL(at(end), after);
    CAF_CHECK_EQUAL(at(end + 1s), after);
    CAF_CHECK_EQUAL(at(end - 1s), during); // also when the clock is put back
    CAF_CHECK_EQUAL(said(decided(in_force, to)), act == action::deny ? "denied" : "not_allowed");
  }
  CAF_CHECK(!reads_time(with({rule_of(action::allow)})));
}

CAF_TEST(a rule that refuses also refuses what some server may take for what it names) {
  auto deny = rule_of(action::deny);
  for (auto& [limit, request] : std::initializer_list<std::pair<limits, read_request>>{
         {query_and_headers({{"q", {"1"}}}, {}), {"/?q=1&q=2"}},
         {query_and_headers({{"q", {"1"}}}, {}), {"/?a=0;q=1"}},
         {query_and_headers({{"q", {"1"}}}, {}), {"/?Q=1"}},
         {query_and_headers({}, {{"x-v", {"1"}}}), {"/", {{"X_V", "0, 1"}}}},
         {paths({"/admin"}), {"/x%2fadmin"}}, // has no canonical form
         {paths({"/admin"}), {"/x/../%61dmin"}},
       }) {
    deny.request = limit;
    auto allow = rule_of(action::allow);
    allow.request = limit;
    CAF_MESSAGE(request.path);
    CAF_CHECK_EQUAL(ask(with({deny}, {"a.test"}), request_inside("a.test"), request), "denied");
    // What lets through is sure of what it lets through.
    auto is_sure = request.path == "/x/../%61dmin";
    CAF_CHECK_EQUAL(ask(with({allow}), request_inside("a.test"), request),
                    is_sure ? "allow" : "not_allowed");
  }
}

CAF_TEST(a path that a rule looks at is sent as it was judged) {
  auto r = rule_of(action::deny);
  r.request = paths({"/admin"});
  auto in_force = with({r}, {"*.test"});
  http1::request_path scratch;
  auto judged = decided_in_full(in_force, request_inside("a.test"), {"/v1/../%78"}, scratch);
  CAF_CHECK(std::get<permit>(judged).path_judged());
  CAF_CHECK_EQUAL(scratch.text, "/x");
  judged = decided_in_full(in_force, request_inside("b.test"), {"/v1/../%78"}, scratch);
  CAF_CHECK(!std::get<permit>(judged).path_judged());
}

CAF_TEST(a rule that asks names itself and a word lifts nothing else) {
  auto r = rule_of(action::ask, {"*"});
  r.request = methods({"POST"});
  auto in_force = with({r, rule_of(action::deny, {"bad.test"})}, {});
  http1::request_path scratch;
  auto judged = decided_in_full(in_force, request_inside("x.test", "POST"), {}, scratch);
  CAF_REQUIRE_EQUAL(said(judged), "ask");
  auto& unanswered = std::get<question>(judged).unanswered();
  CAF_CHECK(unanswered.reason == reason::approval_required);
  CAF_CHECK(unanswered.decision == decision::ask);
  CAF_CHECK_EQUAL(unanswered.rule->text, "the rule");
  CAF_CHECK_EQUAL(refusal_of(unanswered.reason).status, 403);
  CAF_CHECK_EQUAL(ask(in_force, request_inside("x.test", "GET")), "not_allowed");
  CAF_CHECK_EQUAL(ask(in_force, request_inside("x.test", "POST"), {}, &yes), "allow");
  CAF_CHECK_EQUAL(ask(in_force, request_inside("bad.test", "POST"), {}, &yes), "denied");
  answer no{.decision = decision::deny, .words = "not today"};
  judged = decided_in_full(in_force, request_inside("x.test", "POST"), {}, scratch, &no);
  CAF_CHECK_EQUAL(reason_text(std::get<denial>(judged)), "not today");
  // A word on the tunnel is none on a request that a rule asks about.
  answer of_tunnel{.of_tunnel = true};
  CAF_CHECK_EQUAL(ask(in_force, request_inside("x.test", "POST"), {}, &of_tunnel), "ask");
  CAF_CHECK_EQUAL(ask(in_force, request_inside("x.test", "GET"), {}, &of_tunnel), "allow");
}

CAF_TEST(the steps name the rule and the ask step stands where rules ask) {
  auto in_force =
    with({rule_of(action::deny, {"bad.test"}), rule_of(action::ask, {"ask.test"})}, {"a.test"});
  auto steps = [&](std::string_view name) {
    trace why;
    std::ignore = decided(in_force, get(name), &why);
    std::string out;
    for (auto& s : why)
      if (s.name == "denied_domains" || s.name == "allowed_domains" || s.name == "ask")
        out += std::string{s.name} + ": " + s.outcome + '\n';
    return out;
  };
  CAF_CHECK_EQUAL(steps("bad.test"), "denied_domains: matches the rule (rules.toml:3)\n");
  CAF_CHECK_EQUAL(steps("a.test"), "denied_domains: no match\n"
                                   "allowed_domains: matches a.test (config.toml:1)\n");
  CAF_CHECK_EQUAL(steps("ask.test"), "denied_domains: no match\nallowed_domains: no match\n"
                                     "ask: matches the rule (rules.toml:3)\n");
}

CAF_TEST(a short name leads round nothing that denies requests to the long one) {
  auto both = rule_of(action::deny, {"wiki.corp", "wiki"});
  both.request = methods({"DELETE"});
  auto long_one = rule_of(action::deny, {"wiki.corp"});
  long_one.request = methods({"POST"});
  auto found_as = get("wiki.corp").host;
  auto at = ips({"1.1.1.1"});
  auto found = [&](const rules& in_force, protocol p) {
    return vetting(in_force, by(p, "wiki", 80), at, &found_as);
  };
  CAF_CHECK_EQUAL(found(with({both, long_one}, {"wiki"}), protocol::http), "mitm_required");
  CAF_CHECK_EQUAL(found(with({both}, {"wiki"}), protocol::http), "allow");
  // Datagrams and what the rule does not speak of are none of its business.
  auto for_https = long_one;
  for_https.protocols = {protocol::https};
  auto in_force = with({for_https}, {"wiki"});
  CAF_CHECK_EQUAL(found(in_force, protocol::socks5_udp), "allow");
  CAF_CHECK_EQUAL(found(in_force, protocol::http), "allow");
  for (auto p : {protocol::https, protocol::https_connect, protocol::socks5_tcp})
    CAF_CHECK_EQUAL(found(in_force, p), "mitm_required");
}
