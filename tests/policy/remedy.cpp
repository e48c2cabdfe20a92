#define CAF_SUITE policy.remedy
#include "policy/remedy.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using proxy::test::has;

namespace {

setting_place place(std::string name, uint32_t line, std::string table = "permissions.work.network",
                    std::string file = "/home/me/.codex/config.toml") {
  return {.name = std::move(name),
          .table = std::move(table),
          .file = std::move(file),
          .line = line,
          .set = line != 0};
}

/// Everything set in one file, on lines of its own.
text_places all_set() {
  text_places out;
  uint32_t line = 10;
  for (std::string name : {"enabled", "enable_socks5", "mode", "allowed_domains", "denied_domains",
                           "mitm", "allow_local_binding", "mitm_hooks"})
    out.settings[name == "mitm" ? "mitm.enabled" : name] = place(name, line++);
  out.settings["domains"] = place("domains", 0);
  out.managed_file = "/etc/codex/config.toml";
  return out;
}

rules with(rules in_force, text_places places) {
  in_force.origin =
    std::make_shared<const remedies>(std::move(places), in_force.table->patterns(action::allow));
  return in_force;
}

/// The remedy that a client would read.
std::string remedy(const rules& in_force, const target& what,
                   path_style paths = path_style::whole) {
  auto judged = decided(in_force, what);
  auto* no = std::get_if<denial>(&judged);
  CAF_REQUIRE(no);
  return remedy_for(in_force, *no, what, paths);
}

target connect(std::string_view name, uint16_t port = 443) {
  auto out = get(name, port);
  out.protocol = protocol::https_connect;
  out.method = "CONNECT";
  return out;
}

} // namespace

CAF_TEST(a host that is not listed is to be added to its list) {
  auto in_force = with(allowing({"example.org", "*.corp.example:8443"}), all_set());
  CAF_CHECK_EQUAL(
    remedy(in_force, get("unknown.test")),
    "add \"unknown.test\" to allowed_domains in /home/me/.codex/config.toml (line 13), "
    "or ask whoever maintains that file");
  CAF_CHECK_EQUAL(remedy(in_force, get("unknown.test"), path_style::name),
                  "add \"unknown.test\" to allowed_domains in config.toml (line 13), "
                  "or ask whoever maintains that file");
  CAF_CHECK(has(remedy(in_force, get("exampel.org")), "did you mean \"example.org\" (line 1)?"));
  CAF_CHECK(has(remedy(in_force, get("www.example.org")),
                "did you mean \"example.org\" (line 1)? It covers no name below it"));
  CAF_CHECK(has(remedy(in_force, get("corp.example", 8443)), "does not cover"));
  CAF_CHECK(has(remedy(in_force, get("a.corp.example")), "is for that port alone"));
  CAF_CHECK(remedy(in_force, get("93.184.216.34")).starts_with("add \"93.184.216.34\" to "));
}

CAF_TEST(a list that is set nowhere is to be set in its table) {
  auto places = all_set();
  places.settings["allowed_domains"] = place("allowed_domains", 0);
  auto in_force = with(allowing({}), places);
  CAF_CHECK_EQUAL(remedy(in_force, get("unknown.test")),
                  "set allowed_domains = [\"unknown.test\"] in [permissions.work.network] of "
                  "/home/me/.codex/config.toml, or ask whoever maintains that file");
  places.settings["domains"] = place("domains", 20);
  in_force = with(allowing({}), places);
  CAF_CHECK_EQUAL(remedy(in_force, get("unknown.test")),
                  "add \"unknown.test\" = \"allow\" to domains in /home/me/.codex/config.toml "
                  "(line 20), or ask whoever maintains that file");
}

CAF_TEST(what the managed layer keeps is for whoever manages it) {
  auto places = all_set();
  places.ceiling = rules_of({"*.corp.example"});
  places.settings["mode"].managed = true;
  auto in_force = with(allowing({"a.corp.example"}), places);
  CAF_CHECK_EQUAL(remedy(in_force, get("unknown.test")),
                  "ask whoever manages /etc/codex/config.toml, which bounds allowed_domains");
  CAF_CHECK(remedy(in_force, get("b.corp.example")).starts_with("add \"b.corp.example\" to "));
  set_mode(in_force, mode::limited);
  auto post = get("a.corp.example");
  post.method = "POST";
  CAF_CHECK(has(remedy(in_force, post), "ask whoever manages /etc/codex/config.toml, which sets "
                                        "mode"));
  in_force = with(allowing({}, {"bad.test"}), places);
  auto judged = decided(in_force, get("bad.test"));
  auto why = std::get<denial>(judged);
  placed_text managed{"bad.test", "/etc/codex/config.toml", 4, 1};
  why.rule = &managed;
  CAF_CHECK_EQUAL(remedy_for(in_force, why, get("bad.test")),
                  "ask whoever manages /etc/codex/config.toml, which denies \"bad.test\"");
}

CAF_TEST(what the managed layer denies is for whoever manages it wherever a user says it too) {
  auto places = all_set();
  places.demanded = rules_of({"*.bad.test", "192.0.2.0/24"});
  auto in_force = with(allowing({}, {"**.bad.test", "192.0.2.0/24", "worse.test"}), places);
  auto manager = "ask whoever manages /etc/codex/config.toml, which denies ";
  CAF_CHECK(remedy(in_force, get("a.bad.test")).starts_with(manager));
  CAF_CHECK(remedy(in_force, get("192.0.2.7")).starts_with(manager));
  // What the user's list adds is the user's.
  CAF_CHECK(remedy(in_force, get("bad.test")).starts_with("take \"**.bad.test\" off "));
  CAF_CHECK(remedy(in_force, get("worse.test")).starts_with("take \"worse.test\" off "));
  denial by_address;
  by_address.reason = reason::denied;
  placed_text network{"192.0.2.0/24", "/home/me/.codex/config.toml", 5, 1};
  by_address.rule = &network;
  CAF_CHECK(remedy_for(in_force, by_address, get("good.test")).starts_with(manager));
}

CAF_TEST(each reason has a remedy of its own) {
  auto full = with(allowing({"good.test", "local.test"}, {"bad.test"}), all_set());
  CAF_CHECK_EQUAL(remedy(full, get("bad.test")),
                  "take \"bad.test\" off denied_domains in config.toml (line 1), or ask whoever "
                  "maintains that file");
  auto local = remedy(full, get("127.0.0.1"));
  CAF_CHECK(has(local, "add \"127.0.0.1\" to allowed_domains in "));
  CAF_CHECK(has(local, "set allow_local_binding = true in "));
  auto metadata = remedy(full, get("169.254.169.254"));
  CAF_CHECK(has(metadata, "add \"169.254.169.254\" to "));
  CAF_CHECK(!has(metadata, "allow_local_binding"));
  denial resolved;
  resolved.reason = reason::not_allowed_local;
  CAF_CHECK(has(remedy_for(full, resolved, get("local.test")),
                "\"local.test\" leads to an address of this machine or a private network: set "
                "allow_local_binding = true in "));
  auto own = full;
  own.own_listeners = {{ip("127.0.0.1"), 3128}};
  CAF_CHECK(has(remedy(own, get("127.0.0.1", 3128)), "the proxy itself"));

  auto limited = full;
  set_mode(limited, mode::limited);
  auto post = get("good.test");
  post.method = "POST";
  CAF_CHECK(has(remedy(limited, post), "set mode = \"full\" in /home/me/.codex/config.toml (line "
                                       "12)"));
  CAF_CHECK(has(remedy(limited, connect("good.test")), "set mitm = true in "));
  auto off = full;
  off.enabled = false;
  CAF_CHECK(has(remedy(off, get("good.test")), "set enabled = true in "));

  auto hooked = full;
  hooked.mitm = true;
  set_hooks(hooked, hooks_of({{.host = "good.test", .paths = {"/v1/"}}}));
  CAF_CHECK(has(remedy(hooked, get("good.test")), "ask for https://good.test over the HTTP proxy"));
  denial missed;
  missed.reason = reason::mitm_hook_denied;
  missed.rule = &hooked.table->hooks()->hooks()[0].where;
  CAF_CHECK(has(remedy_for(hooked, missed, get("good.test")),
                "add to mitm_hooks one for \"good.test\" that lets this GET pass"));
}

CAF_TEST(no switch is named for what none opens) {
  auto in_force = with(allowing({"name.test"}), all_set());
  in_force.own_listeners = {{ip("192.0.2.1"), 3128}};
  auto told = [&](const char* address, uint16_t port) {
    auto what = get("name.test", port);
    std::vector<ip_address> addresses{ip("93.184.216.34"), ip(address)};
    auto no = why_not(in_force, {.to = what, .leads_to = destination{addresses, nullptr}});
    CAF_REQUIRE(no);
    return remedy_for(in_force, *no, what);
  };
  for (bool open : {false, true}) {
    in_force.allow_local_binding = open;
    for (auto address : {"169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"}) {
      auto text = told(address, 80);
      CAF_CHECK(has(text, "\"name.test\" leads to a metadata service, which stays closed: ask "));
      CAF_CHECK(!has(text, "allow_local_binding"));
    }
    auto text = told("192.0.2.1", 3128);
    CAF_CHECK(has(text, "\"name.test\" leads to the proxy itself, which stays closed: ask "));
    CAF_CHECK(!has(text, "allow_local_binding"));
  }
  in_force.allow_local_binding = false;
  CAF_CHECK(has(told("10.0.0.1", 80), "set allow_local_binding = true in "));
  CAF_CHECK(has(told("10.0.0.1", 80), "opens neither metadata services nor this proxy itself"));
}

CAF_TEST(a mode that was switched at run time stands in no file) {
  auto places = all_set();
  places.settings["mode"].file.clear();
  places.settings["mode"].line = 0;
  auto in_force = with(allowing({"good.test"}), places);
  set_mode(in_force, mode::limited);
  auto post = get("good.test");
  post.method = "POST";
  CAF_CHECK(has(remedy(in_force, post),
                "ask whoever runs this proxy to set mode = \"full\": it was set at run time"));
}

CAF_TEST(a denial that was added at run time stands in no file) {
  auto in_force = with(allowing({}), all_set());
  placed_text rule{"a.test", std::string{added_at_run_time}, 0, 0};
  denial why;
  why.reason = reason::denied;
  why.rule = &rule;
  CAF_CHECK_EQUAL(remedy_for(in_force, why, get("a.test")),
                  "ask whoever runs this proxy to take \"a.test\" off denied_domains: "
                  "it was added at run time");
}

CAF_TEST(who waited for a word in vain may try again or list the host) {
  auto in_force = with(allowing({}), all_set());
  denial why;
  why.source = source::decider;
  why.reason = reason::decider_timeout;
  CAF_CHECK_EQUAL(remedy_for(in_force, why, get("a.test")),
                  "try again while somebody can decide within decider.timeout, or add \"a.test\" "
                  "to allowed_domains in /home/me/.codex/config.toml (line 13), "
                  "or ask whoever maintains that file");
  why.reason = reason::decider_failed;
  CAF_CHECK(has(remedy_for(in_force, why, get("a.test")),
                "ask whoever runs this proxy to see why what decides failed, or add \"a.test\""));
}

CAF_TEST(every reason has a remedy with and without a text) {
  for (auto one : enum_values<reason>()) {
    if (one == reason::allow)
      continue;
    denial why;
    why.reason = one;
    for (const auto& in_force :
         {allowing({}), with(allowing({}), all_set()), with(allowing({}), text_places{})})
      for (auto by : {protocol::http, protocol::https, protocol::https_connect,
                      protocol::socks5_tcp, protocol::socks5_udp}) {
        auto what = get("a.test");
        what.protocol = by;
        auto text = remedy_for(in_force, why, what);
        CAF_MESSAGE(to_string(why.reason) << ": " << text);
        CAF_CHECK(!text.empty());
        CAF_CHECK(!has(text, "\n"));
        // Nobody is told of a way past the proxy.
        for (auto word : {"NO_PROXY", "no_proxy", "bypass", "unset", "direct"})
          CAF_CHECK(!has(text, word));
      }
  }
}
