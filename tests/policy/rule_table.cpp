#define CAF_SUITE policy.rule_table
#include "policy/rule_table.hpp" // unit under test

#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

rule_table_ptr compile(std::vector<rule> all, std::string* why = nullptr) {
  std::vector<rule_table::problem> problems;
  auto out = rule_table::compile(std::move(all), problems);
  CAF_CHECK_EQUAL(out == nullptr, !problems.empty());
  if (why)
    for (auto& p : problems)
      *why += p.id + " " + p.where.text + ": " + p.reason + '\n';
  return out;
}

std::vector<placed_text> hosts(const words& all) { return rules_of(all, "rules.toml"); }

} // namespace

CAF_TEST(lists and hooks and the mode come to rules in the order of judgement) {
  auto table = table_of({.allowed = rules_of({"a.test", "*.b.test"}),
                         .denied = rules_of({"bad.test"}),
                         .hooks = {hook_of({.host = "api.test"}), hook_of({.host = "b.test"})},
                         .mode = mode::limited});
  words told;
  for (auto& r : table->rules())
    told.push_back(r.id + ' ' + std::to_string(static_cast<int>(r.act)));
  CAF_CHECK_EQUAL(caf::deep_to_string(told),
                  caf::deep_to_string(words{"denied_domains 0", "allowed_domains 1", "mitm_hooks 3",
                                            "mitm_hooks 3", "limited 4"}));
  CAF_CHECK_EQUAL(table->patterns(action::allow).size(), 2u);
  CAF_CHECK_EQUAL(table->patterns(action::deny)[0].text, "bad.test");
  CAF_CHECK_EQUAL(table->hooks()->hooks().size(), 2u);
  CAF_CHECK(table->rules()[2].hook.get() == &table->hooks()->hooks()[0]);
  CAF_CHECK(table->rules()[2].protocols.names(protocol::https));
  CAF_REQUIRE(table->limit() != nullptr);
  CAF_CHECK_EQUAL(table->limit()->request->methods.size(), 3u);
  CAF_CHECK(table->is_plain());
  CAF_CHECK(!table->has_reading());
  CAF_CHECK(!table->has(action::ask));
  CAF_CHECK(table_of({})->limit() == nullptr);
  CAF_CHECK(table_of({})->hooks() == nullptr);
}

CAF_TEST(of rules that do the same the most specific pattern is named and then the first rule) {
  auto table = compile({{.id = "1", .act = action::allow, .hosts = hosts({"**.a.test"})},
                        {.id = "2", .act = action::allow, .hosts = hosts({"x.a.test"})},
                        {.id = "3", .act = action::allow, .hosts = hosts({"x.a.test"})},
                        {.id = "4", .act = action::allow, .hosts = hosts({"y*.a.test"})}});
  auto found = [&](std::string_view name, uint16_t port = 80) {
    auto m = table->find(action::allow, get(name).host, port, {});
    return m ? m.by->id + ' ' + m.place->text : "none";
  };
  CAF_CHECK_EQUAL(found("x.a.test"), "2 x.a.test");
  CAF_CHECK_EQUAL(found("y1.a.test"), "1 **.a.test");
  CAF_CHECK_EQUAL(found("b.test"), "none");
  // A rule that does not fit stands in nobody's way.
  table =
    compile({{.id = "1", .act = action::allow, .hosts = hosts({"**.a.test"})},
             {.id = "2", .act = action::allow, .hosts = hosts({"x.a.test"}), .ports = {443}}});
  CAF_CHECK_EQUAL(found("x.a.test", 443), "2 x.a.test");
  CAF_CHECK_EQUAL(found("x.a.test", 80), "1 **.a.test");
}

CAF_TEST(rules for every host are looked at after those of the host) {
  auto table = compile({{.id = "1", .act = action::deny, .hosts = hosts({"*"}), .ports = {25}},
                        {.id = "2", .act = action::deny, .hosts = hosts({"a.test", "10.0.0.1"})}});
  auto found = [&](std::string_view name, uint16_t port) {
    auto m = table->find(action::deny, get(name).host, port, {});
    return m ? m.by->id + ' ' + m.place->text : "none";
  };
  CAF_CHECK_EQUAL(found("a.test", 25), "2 a.test");
  CAF_CHECK_EQUAL(found("b.test", 25), "1 *");
  CAF_CHECK_EQUAL(found("192.0.2.1", 25), "1 *");
  CAF_CHECK_EQUAL(found("b.test", 26), "none");
}

CAF_TEST(addresses are denied by patterns that are addresses and by rules that fit) {
  auto table =
    compile({{.id = "1", .act = action::deny, .hosts = hosts({"192.0.2.0/24"}), .ports = {25}},
             {.id = "2", .act = action::deny, .hosts = hosts({"*"}), .ports = {26}}});
  CAF_CHECK(table->find_denied_address(ip("192.0.2.1"), 25, {}));
  CAF_CHECK(table->find_denied_address(ip("::ffff:192.0.2.1"), 25, {}));
  CAF_CHECK(!table->find_denied_address(ip("192.0.2.1"), 80, {}));
  CAF_CHECK(!table->find_denied_address(ip("192.0.2.1"), 26, {})); // said by name
}

CAF_TEST(every rule that does not compile is told) {
  std::string why;
  CAF_CHECK(!compile({{.id = "1", .act = action::allow, .hosts = hosts({"*", "ok.test"})},
                      {.id = "2", .act = action::deny, .hosts = hosts({"10.0.0.1/8"})},
                      {.id = "3", .act = action::ask, .hosts = hosts({"**.**"})}},
                     &why));
  for (auto part : {"1 *: ", "2 10.0.0.1/8: ", "3 **.**: "})
    CAF_CHECK(why.find(part) != std::string::npos);
}

CAF_TEST(a rule that denies by address cannot look at requests) {
  request_limits reading;
  reading.methods = {"GET"};
  auto shared = std::make_shared<const request_limits>(reading);
  std::string why;
  CAF_CHECK(!compile(
    {{.id = "1", .act = action::deny, .hosts = hosts({"10.0.0.0/8"}), .request = shared}}, &why));
  CAF_CHECK(why.find("cannot look at requests") != std::string::npos);
  CAF_CHECK(compile(
    {{.id = "1", .act = action::allow, .hosts = hosts({"10.0.0.0/8"}), .request = shared}}));
}

CAF_TEST(a rule that denies by address speaks of tunnels where it speaks of requests) {
  using proxy::policy::protocol;
  for (auto& [protocols, good] : std::initializer_list<std::pair<protocol_set, bool>>{
         {{}, true},
         {{protocol::https}, false},
         {{protocol::http, protocol::https_connect}, false},
         {{protocol::https, protocol::https_connect, protocol::socks5_tcp}, true},
         {{protocol::socks5_udp}, true},
         {{protocol::https_connect}, true},
       }) {
    rule r{.id = "1", .act = action::deny, .hosts = hosts({"8.8.8.8"}), .protocols = protocols};
    CAF_CHECK_EQUAL(compile({r}) != nullptr, good);
  }
}

CAF_TEST(a rule that could be taken for more or less than it says does not compile) {
  auto hook = hook_of({.host = "a.test"});
  auto loose = hook;
  loose.path_prefixes.clear();
  for (auto& [r, fault] : std::initializer_list<std::pair<rule, std::string>>{
         {{.id = "1", .act = action::deny}, "names no host"},
         {{.id = "1", .act = action::allow, .who = {""}, .hosts = hosts({"a.test"})},
          "a client without a name"},
         {{.id = "1", .act = action::allow, .hosts = hosts({"a.test"}), .ports = {0}},
          "there is no port 0"},
         {{.id = "1", .act = action::inject}, "a hook that does nothing"},
         {{.id = "1",
         .act = action::inject,
         .hosts = hosts({"a.test"}),
         .hook = std::make_shared<const mitm_hook>(loose)},
          "a hook has to name methods and paths"},
         {{.id = "1", .act = action::limit}, "a mode without limits"},
       }) {
    std::string why;
    CAF_CHECK(!compile({r}, &why));
    CAF_CHECK(why.find(fault) != std::string::npos);
  }
}
