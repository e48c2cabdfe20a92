#define CAF_SUITE policy.decide
#include "policy/decide.hpp" // unit under test

#include <type_traits>

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
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

std::string judge(const rules& in_force, const target& what) {
  return said(decided(in_force, what));
}

/// By name and by addresses; without answers by those known of the host.
std::string reach(const rules& in_force, const target& what, const texts& answers = {}) {
  auto addresses = answers.empty() ? known_addresses(what.host) : ips(answers);
  return said(decide(in_force, {.to = what, .leads_to = destination{.addresses = addresses}}));
}

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

CAF_TEST(the proxy never relays to its own listeners) {
  struct row {
    std::string_view listener, host;
    uint16_t port;
    bool own;
  };
  for (auto& [listener, name, port, own] : std::initializer_list<row>{
         {"127.0.0.1", "127.0.0.1", 3128, true},
         {"127.0.0.1", "127.0.0.1", 3129, false},
         {"127.0.0.1", "127.0.0.2", 3128, false},
         {"127.0.0.1", "localhost", 3128, true},
         {"127.0.0.1", "a.localhost", 3128, true},
         {"127.0.0.1", "::ffff:127.0.0.1", 3128, true},
         {"127.0.0.1", "2130706433", 3128, true},
         {"127.0.0.1", "0.0.0.0", 3128, true}, // this host, on Linux
         {"127.0.0.1", "::", 3128, true},
         {"127.0.0.1", "::ffff:0.0.0.0", 3128, true},
         {"127.0.0.1", "192.168.1.5", 3128, false},
         {"::1", "::1", 3128, true},
         {"::1", "localhost", 3128, true},
         {"::1", "0:0::1", 3128, true},
         {"192.168.1.5", "192.168.1.5", 3128, true},
         {"192.168.1.5", "0.0.0.0", 3128, false},
         {"192.168.1.5", "localhost", 3128, false},
         {"0.0.0.0", "127.9.9.9", 3128, true},
         {"0.0.0.0", "192.168.1.5", 3128, true}, // an address of this machine
         {"0.0.0.0", "64:ff9b::192.168.1.5", 3128, true},
         {"0.0.0.0", "192.168.1.6", 3128, false},
         {"::ffff:127.0.0.1", "127.0.0.1", 3128, true},
         {"::ffff:127.0.0.1", "localhost", 3128, true},
         {"::ffff:127.0.0.1", "0.0.0.0", 3128, true},
         {"::ffff:127.0.0.1", "127.0.0.2", 3128, false},
         {"::ffff:0.0.0.0", "192.168.1.5", 3128, true},
         {"::", "192.168.1.5", 3128, true},
         {"::", "::1", 3128, true},
       }) {
    CAF_MESSAGE(name << " against " << listener);
    auto in_force =
      allowing({"localhost", "0.0.0.0", "127.0.0.0/8", "192.168.0.0/16", "::1", "::", "*.localhost",
                "::ffff:127.0.0.1", "::ffff:0.0.0.0", "64:ff9b::/96"});
    in_force.allow_local_binding = true;
    in_force.own_listeners = {{ip(listener), 3128}};
    in_force.local_addresses = {ip("192.168.1.5")};
    CAF_CHECK_EQUAL(judge(in_force, get(name, port)) == "not_allowed_local", own);
    CAF_CHECK_EQUAL(is_own_listener(in_force, get(name).host, port), own);
  }
}

CAF_TEST(a name that resolves to a listener of the proxy is refused) {
  auto in_force = allowing({"evil.test"});
  in_force.allow_local_binding = true;
  in_force.own_listeners = {{ip("0.0.0.0"), 3128}};
  in_force.local_addresses = {ip("203.0.114.9")};
  for (auto& answer :
       texts{"127.0.0.1", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "203.0.114.9"}) {
    CAF_MESSAGE(answer);
    CAF_CHECK_EQUAL(reach(in_force, get("evil.test", 3128), {answer}), "not_allowed_local");
    CAF_CHECK_EQUAL(reach(in_force, get("evil.test", 80), {answer}), "allow");
  }
}

CAF_TEST(a local target must be listed explicitly) {
  struct row {
    texts allowed;
    std::string_view host, answer;
  };
  for (auto& [allowed, name, answer] : std::initializer_list<row>{
         {{"127.0.0.1"}, "127.0.0.1", "allow"},
         {{"127.0.0.1"}, "127.0.0.2", "not_allowed_local"},
         {{"127.0.0.1"}, "localhost", "not_allowed_local"},
         {{"localhost"}, "localhost", "allow"},
         {{"localhost"}, "127.0.0.1", "not_allowed_local"},
         {{"*.localhost"}, "a.localhost", "not_allowed_local"},
         {{"a.localhost"}, "a.localhost", "allow"},
         {{"localhost", "*.localhost"}, "a.localhost", "allow"},
         {{"localhost"}, "a.localhost", "not_allowed"},
         {{"0.0.0.0/0", "::/0"}, "10.0.0.1", "not_allowed_local"},
         {{"10.0.0.0/7"}, "10.0.0.1", "not_allowed_local"}, // reaches into public space
         {{"10.0.0.0/8"}, "10.0.0.1", "allow"},
         {{"::ffff:127.0.0.1"}, "::ffff:127.0.0.1", "allow"},
         {{"127.0.0.1"}, "::ffff:127.0.0.1", "not_allowed_local"},
         {{"fe80::1%eth0"}, "fe80::1%eth0", "allow"},
         {{"fe80::1%eth0"}, "fe80::1%eth1", "not_allowed_local"},
         {{"8.8.8.8"}, "8.8.8.8", "allow"},
         {{"0.0.0.0/0"}, "8.8.8.8", "allow"},
         {{"169.254.0.0/16"}, "169.254.1.1", "allow"},
         {{"169.254.0.0/16"},
          "169.254.169.254",
          "not_allowed_local"}, // a metadata address needs its literal
         {{"169.254.169.254"}, "169.254.169.254", "allow"},
       }) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(reach(allowing(allowed), get(name)), answer);
  }
}

CAF_TEST(allow_local_binding opens local targets but not metadata addresses) {
  auto in_force = allowing({"**.test", "0.0.0.0/0", "::/0", "localhost"});
  in_force.allow_local_binding = true;
  CAF_CHECK_EQUAL(reach(in_force, get("10.0.0.1")), "allow");
  CAF_CHECK_EQUAL(reach(in_force, get("localhost")), "allow");
  CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {"10.0.0.1", "::1"}), "allow");
  for (auto& address :
       texts{"169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16"}) {
    CAF_MESSAGE(address);
    CAF_CHECK_EQUAL(reach(in_force, get(address)), "not_allowed_local");
    CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {address}), "not_allowed_local");
  }
  set_lists(in_force, {"**.test", "169.254.169.254:80"});
  CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {"169.254.169.254"}), "allow");
  CAF_CHECK_EQUAL(reach(in_force, get("a.test", 81), {"169.254.169.254"}), "not_allowed_local");
  in_force.allow_local_binding = false;
  CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {"169.254.169.254"}), "not_allowed_local");
}

CAF_TEST(one refused address refuses all) {
  auto in_force =
    allowing({"a.test", "127.0.0.1", "10.0.0.0/8"}, {"9.9.9.0/24", "2620:fe::9", "*.evil.test"});
  CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {"1.1.1.1", "2606:4700::1"}), "allow");
  for (auto& [answers, reason] : std::initializer_list<std::pair<texts, std::string_view>>{
         {{"10.0.0.1"}, "not_allowed_local"}, // listing the address does not list the name
         {{"127.0.0.1"}, "not_allowed_local"},
         {{"1.1.1.1", "10.0.0.1"}, "not_allowed_local"},
         {{"10.0.0.1", "1.1.1.1"}, "not_allowed_local"},
         {{"1.1.1.1", "::ffff:127.0.0.1"}, "not_allowed_local"},
         {{"64:ff9b::7f00:1"}, "not_allowed_local"},
         {{"9.9.9.9"}, "denied"},
         {{"1.1.1.1", "2620:fe::9"}, "denied"},
         {{"::ffff:9.9.9.9"}, "denied"},
         {{"64:ff9b::9.9.9.9"}, "denied"},
       }) {
    CAF_MESSAGE(caf::deep_to_string(answers));
    CAF_CHECK_EQUAL(reach(in_force, get("a.test"), answers), reason);
  }
  CAF_CHECK_EQUAL(vetting(in_force, get("a.test"), {}), "not_allowed_local");
  CAF_CHECK_EQUAL(judge(in_force, get("::ffff:9.9.9.9")), "denied"); // a literal in another dress
}

CAF_TEST(a denied address is denied in the form that it carries) {
  struct row {
    std::string_view denied, host;
    bool hit;
  };
  for (auto& [denied, name, hit] : std::initializer_list<row>{
         {"::ffff:9.9.9.9", "9.9.9.9", true},
         {"::ffff:9.9.9.9", "64:ff9b::9.9.9.9", true},
         {"64:ff9b::9.9.9.9", "9.9.9.9", true},
         {"64:ff9b::9.9.9.9", "::ffff:9.9.9.9", true},
         {"2002:909:909::1", "9.9.9.9", true},
         {"::ffff:9.9.9.9", "9.9.9.8", false},
         {"::ffff:9.0.0.0/104", "9.1.2.3", true},
         {"::ffff:9.0.0.0/104", "8.1.2.3", false},
         {"::ffff:0.0.0.0/96", "9.9.9.9", false}, // all of mapped space, not all of v4
         {"2002:900::/24", "9.1.2.3", true},
         {"2002::/16", "9.1.2.3", false},
         {"::/0", "9.9.9.9", false},
         {"::1", "0.0.0.1", false},
       }) {
    CAF_MESSAGE(denied << " and " << name);
    auto in_force = allowing({"a.test", "0.0.0.0/0", "::/0"}, {std::string{denied}});
    CAF_CHECK_EQUAL(judge(in_force, get(name)) == "denied", hit);
    CAF_CHECK_EQUAL(reach(in_force, get("a.test"), {std::string{name}}) == "denied", hit);
  }
  // What is carried allows nothing.
  CAF_CHECK_EQUAL(judge(allowing({"::ffff:9.9.9.9"}), get("9.9.9.9")), "not_allowed");
}

CAF_TEST(a listed local host lets only its own addresses through) {
  auto in_force = allowing({"localhost", "10.0.0.1"});
  CAF_CHECK_EQUAL(vetting(in_force, get("localhost"), ips({"127.0.0.1", "::1"})), "allow");
  CAF_CHECK_EQUAL(vetting(in_force, get("localhost"), ips({"10.0.0.1"})), "not_allowed_local");
  CAF_CHECK_EQUAL(vetting(in_force, get("10.0.0.1"), ips({"10.0.0.2"})), "not_allowed_local");
}

CAF_TEST(addresses of literals and localhost are known without DNS) {
  CAF_CHECK(known_addresses(get("10.0.0.1").host) == ips({"10.0.0.1"}));
  CAF_CHECK(known_addresses(get("localhost").host) == ips({"127.0.0.1", "::1"}));
  CAF_CHECK(known_addresses(get("a.localhost.").host) == ips({"127.0.0.1", "::1"}));
  CAF_CHECK(known_addresses(get("notlocalhost").host).empty());
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

CAF_TEST(a decider may overrule not_allowed and nothing else) {
  auto in_force = allowing({}, {"denied.test"});
  auto allowed = answered(in_force, get("a.test"));
  CAF_REQUIRE_EQUAL(said(allowed), "allow");
  CAF_CHECK(std::get<permit>(allowed).rule() == nullptr);
  CAF_CHECK_EQUAL(to_string(std::get<permit>(allowed).source()), "decider");
  // Its allow still goes through the addresses.
  auto with_addresses = [&](const texts& addresses) {
    auto at = ips(addresses);
    auto what = get("a.test");
    return said(
      decide(in_force, {.to = what, .answer = &yes, .leads_to = destination{.addresses = at}}));
  };
  CAF_CHECK_EQUAL(with_addresses({"10.0.0.1"}), "not_allowed_local");
  CAF_CHECK_EQUAL(with_addresses({"1.1.1.1"}), "allow");
  for (auto& name : texts{"denied.test", "127.0.0.1"}) {
    CAF_CHECK_EQUAL(said(answered(in_force, get(name))), said(decided(in_force, get(name))));
    CAF_CHECK_NOT_EQUAL(said(answered(in_force, get(name))), "allow");
  }
  // And through the mode.
  set_mode(in_force, mode::limited);
  auto post = get("a.test");
  post.method = "POST";
  CAF_CHECK_EQUAL(said(decided(in_force, post)), "not_allowed");
  CAF_CHECK_EQUAL(said(answered(in_force, post)), "method_not_allowed");
}

CAF_TEST(a word on what the rules allow by themselves changes nothing) {
  auto in_force = allowing({"a.test"});
  for (auto how : {decision::allow, decision::deny, decision::ask}) {
    answer word{.decision = how};
    auto judged = answered(in_force, get("a.test"), word);
    CAF_REQUIRE_EQUAL(said(judged), "allow");
    CAF_CHECK(std::get<permit>(judged).source() == source::baseline_policy);
  }
}

CAF_TEST(a refusing decider gives its reason) {
  auto in_force = allowing({}, {"denied.test"});
  auto refused = [&](decision how, std::string_view words, std::string_view name = "a.test") {
    return std::get<denial>(answered(in_force, get(name), {.decision = how, .words = words}));
  };
  CAF_CHECK_EQUAL(reason_text(refused(decision::deny, "")), "policy_denied");
  auto own = refused(decision::ask, "ask the owner");
  CAF_CHECK_EQUAL(reason_text(own), "ask the owner");
  CAF_CHECK_EQUAL(to_string(own.reason), "policy_denied");
  CAF_CHECK_EQUAL(to_string(own.decision), "ask");
  CAF_CHECK_EQUAL(to_string(own.source), "decider");
  auto named = refused(decision::deny, "not_allowed");
  CAF_CHECK_EQUAL(refusal_of(named.reason).x_proxy_error, "blocked-by-allowlist");
  auto other = refused(decision::ask, "x", "denied.test");
  CAF_CHECK_EQUAL(to_string(other.source), "baseline_policy");
}

CAF_TEST(only what a word alone would lift is a question) {
  auto in_force = allowing({"a.test"}, {"denied.test"});
  in_force.asks_unlisted = true;
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  CAF_CHECK_EQUAL(judge(in_force, get("a.test")), "allow");
  CAF_CHECK_EQUAL(judge(in_force, get("denied.test")), "denied");
  CAF_CHECK_EQUAL(judge(in_force, get("127.0.0.1")), "not_allowed_local");
  CAF_CHECK_EQUAL(judge(in_force, get("other.test")), "ask");
  // Nobody is asked where the hooks or the mode refuse it as well.
  CAF_CHECK_EQUAL(judge(in_force, get("api.test")), "not_allowed");
  auto post = get("other.test");
  post.method = "POST";
  CAF_CHECK_EQUAL(judge(in_force, post), "ask");
  set_mode(in_force, mode::limited);
  CAF_CHECK_EQUAL(judge(in_force, post), "not_allowed");
  // Without an answer it comes to what it was.
  auto asked = decided(in_force, get("other.test"));
  auto& unanswered = std::get<question>(asked).unanswered();
  CAF_CHECK(unanswered.reason == reason::not_allowed);
  CAF_CHECK(unanswered.decision == decision::deny);
  CAF_CHECK_EQUAL(std::get<question>(asked).to().host.text(), "other.test");
  CAF_CHECK_EQUAL(said(why_not(in_force, {.to = get("other.test")})), "not_allowed");
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

CAF_TEST(a name that a search domain was added to must not be denied as the whole) {
  auto in_force = allowing({"svc"}, {"*.bad.test", "svc.half.test:81"});
  auto found_as = [&](std::string_view name, uint16_t port = 80) {
    auto whole = unbox(host::parse(name));
    return vetting(in_force, get("svc", port), ips({"1.1.1.1"}), &whole);
  };
  CAF_CHECK_EQUAL(found_as("svc.good.test"), "allow");
  CAF_CHECK_EQUAL(found_as("svc.bad.test"), "denied");
  CAF_CHECK_EQUAL(found_as("svc.half.test"), "allow");
  CAF_CHECK_EQUAL(found_as("svc.half.test", 81), "denied");
  // Its tunnel ends when such a rule comes.
  auto whole = unbox(host::parse("svc.bad.test"));
  CAF_CHECK_EQUAL(judged_again(in_force, get("svc"), {.found_as = &whole}), "denied");
  CAF_CHECK_EQUAL(judged_again(allowing({"svc"}), get("svc"), {.found_as = &whole}), "allow");
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

CAF_TEST(a hooked host is reached only where its requests are read) {
  struct row {
    protocol by;
    bool mitm;
    std::string_view in_full, in_limited, unhooked_in_full;
    bool read;
    bool two = false; ///< The host is a decision of its own before this one.
  };
  for (auto& [by, mitm, in_full, in_limited, unhooked, read, two] : std::initializer_list<row>{
         {protocol::http, true, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::https, true, "allow", "method_not_allowed", "allow", true},
         {protocol::https_connect, true, "allow", "allow", "allow", true},
         {protocol::https_connect, false, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::socks5_tcp, true, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::socks5_udp, true, "mitm_required", "mitm_required", "allow", false},
       }) {
    CAF_MESSAGE(to_string(by));
    auto in_force = allowing({"*.test"}, {"denied.test"});
    in_force.mitm = mitm;
    set_hooks(in_force, hooks_of({{.host = "api.test"}, {.host = "denied.test"}}));
    auto what = get("api.test");
    what.protocol = by;
    what.method = "POST";
    auto verdict = decided(in_force, what);
    CAF_CHECK_EQUAL(said(verdict), in_full);
    if (auto no = std::get_if<denial>(&verdict)) {
      CAF_CHECK(no->source == source::mode_guard);
      CAF_CHECK(!no->domain_scope);
      CAF_CHECK_EQUAL(no->rule, &in_force.table->hooks()->hooks()[0].where);
      auto text = refusal_text(*no, what);
      CAF_CHECK(text.find("hooks") != std::string_view::npos);
      CAF_CHECK(text.find("limited") == std::string_view::npos);
      CAF_CHECK_EQUAL(text.find("plain HTTP") != std::string_view::npos, by == protocol::http);
      CAF_CHECK_EQUAL(no->passed != nullptr, two);
    }
    CAF_CHECK_EQUAL(is_read(in_force, what), read);
    set_mode(in_force, mode::limited);
    CAF_CHECK_EQUAL(judge(in_force, what), in_limited); // before the method
    set_mode(in_force, mode::full);
    // The host comes first.
    what.host = get("denied.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), "denied");
    what.host = get("b.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), unhooked);
  }
}

CAF_TEST(a decider does not lead around hooks) {
  auto in_force = allowing({});
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  CAF_CHECK_EQUAL(said(answered(in_force, get("api.test"))), "mitm_required");
  CAF_CHECK_EQUAL(said(answered(in_force, get("b.test"))), "allow");
}

CAF_TEST(tunnels are read where mode or hooks or inspection ask for it) {
  struct row {
    bool mitm, limited, hooked, inspect, read;
  };
  for (auto& [mitm, limited, hooked, inspect, read] : std::initializer_list<row>{
         {true, false, false, false, false},
         {true, true, false, false, true},
         {true, false, true, false, true},
         {true, false, false, true, true},
         {false, true, true, true, false}, // not available: such tunnels are refused
       }) {
    auto in_force = allowing({"api.test"});
    in_force.mitm = mitm;
    in_force.inspect = inspect;
    set_mode(in_force, limited ? mode::limited : mode::full);
    if (hooked)
      set_hooks(in_force, hooks_of({{.host = "api.test"}}));
    auto what = get("api.test", 443);
    CAF_CHECK(!is_read(in_force, what)); // plain HTTP has nothing to intercept
    what.protocol = protocol::https_connect;
    CAF_CHECK_EQUAL(is_read(in_force, what), read);
    what.protocol = protocol::socks5_tcp; // the mode and hooks refuse it
    CAF_CHECK_EQUAL(is_read(in_force, what), mitm && inspect);
    what.protocol = protocol::socks5_udp;
    CAF_CHECK(!is_read(in_force, what));
  }
}

CAF_TEST(a request inside a tunnel is read with TLS and without) {
  auto in_force = allowing({"api.test"});
  for (auto tls : {true, false})
    CAF_CHECK(is_read(in_force, request_inside("api.test", "GET", tls, false, 8443)));
}

CAF_TEST(what cannot be read goes on only where nobody reads or it has nothing to read) {
  struct row {
    protocol by;
    bool limited, hooked, inspect, hides;
    std::string_view said;
  };
  for (auto& [by, limited, hooked, inspect, hides, words] : std::initializer_list<row>{
         {protocol::https_connect, false, false, true, false, "allow"},
         {protocol::https_connect, false, false, true, true, "mitm_required"},
         {protocol::https_connect, false, false, false, true, "allow"},
         {protocol::https_connect, true, false, false, false, "mitm_required"},
         {protocol::https_connect, false, true, false, false, "mitm_required"},
         {protocol::socks5_tcp, false, false, true, false, "allow"},
         {protocol::socks5_tcp, false, false, true, true, "mitm_required"},
         {protocol::socks5_tcp, false, false, false, true, "allow"},
         {protocol::socks5_tcp, true, false, false, false, "mitm_required"},
         {protocol::socks5_tcp, false, true, true, false, "mitm_required"},
       }) {
    auto in_force = allowing({"api.test"});
    in_force.mitm = true;
    in_force.inspect = inspect;
    set_mode(in_force, limited ? mode::limited : mode::full);
    if (hooked)
      set_hooks(in_force, hooks_of({{.host = "api.test"}}));
    auto what = get("api.test", 443);
    what.protocol = by;
    auto no = why_not(in_force, {.to = what, .reading = hides ? reading::hidden : reading::none});
    // Limited mode takes nothing by SOCKS at all, which comes first.
    if (by == protocol::socks5_tcp && limited)
      CAF_CHECK_EQUAL(said(no), "method_not_allowed");
    else
      CAF_CHECK_EQUAL(said(no), words);
  }
}

CAF_TEST(a tunnel that cannot be read ends when its host gets hooks) {
  auto in_force = allowing({"*.test"});
  in_force.mitm = true;
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  auto again = [&](protocol by, std::string_view name, bool intercepted) {
    auto what = get(name, 443);
    what.protocol = by;
    return judged_again(in_force, what, {.reading = intercepted ? reading::done : reading::none});
  };
  CAF_CHECK_EQUAL(again(protocol::https_connect, "api.test", false), "mitm_required");
  CAF_CHECK_EQUAL(again(protocol::https_connect, "api.test", true), "allow");
  CAF_CHECK_EQUAL(again(protocol::https_connect, "b.test", false), "allow");
  CAF_CHECK_EQUAL(again(protocol::socks5_tcp, "api.test", false), "mitm_required");
  CAF_CHECK_EQUAL(again(protocol::socks5_tcp, "b.test", false), "allow");
}
