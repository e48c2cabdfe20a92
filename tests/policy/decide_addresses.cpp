#define CAF_SUITE policy.decide_addresses
#include "policy/decide.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using texts = std::vector<std::string>;

/// By name and by addresses; without answers by those known of the host.
std::string reach(const rules& in_force, const target& what, const texts& answers = {}) {
  auto addresses = answers.empty() ? known_addresses(what.host) : ips(answers);
  return said(decide(in_force, {.to = what, .leads_to = destination{.addresses = addresses}}));
}

} // namespace

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
