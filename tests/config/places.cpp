#define CAF_SUITE config.places
#include "config/load.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

policy::text_places places_of(const loaded& result) {
  CAF_REQUIRE(result.config);
  return result.config->places;
}

/// "name in [table] of file:line", with what else is true of it.
std::string str(const policy::setting_place& p) {
  auto file = p.file.substr(p.file.rfind('/') + 1);
  return p.name + " in [" + p.table + "] of " + file + ':' + std::to_string(p.line) +
         (p.set ? " set" : "") + (p.managed ? " managed" : "");
}

} // namespace

CAF_TEST(a refusal can name where a setting stands) {
  auto places = places_of(load_text(newer("enabled = true\n"
                                          "allowed_domains = [\n  \"a.test\",\n]\n"
                                          "mitm = true\n"
                                          "domains = {\"b.test\" = \"allow\"}\n"),
                                    {"mode=\"limited\""}));
  for (const auto& [name, told] : std::initializer_list<std::pair<std::string, std::string>>{
         {"enabled", "enabled in [permissions.dev.network] of config.toml:3 set"},
         {"allowed_domains", "allowed_domains in [permissions.dev.network] of config.toml:4 set"},
         {"mitm.enabled", "mitm in [permissions.dev.network] of config.toml:7 set"},
         {"domains", "domains in [permissions.dev.network] of config.toml:8 set"},
         {"mode", "mode in [permissions.dev.network] of --set:0 set"},
         {"denied_domains", "denied_domains in [permissions.dev.network] of config.toml:0"},
       }) {
    auto got = str(places.settings[name]);
    CAF_CHECK_EQUAL(got, told);
  }
  CAF_CHECK(!places.ceiling);
  CAF_CHECK_EQUAL(places.managed_file, "");
}

CAF_TEST(the older layout has its own tables) {
  auto places = places_of(load_text("[network_proxy]\nenabled = true\n[network_proxy.policy]\n"
                                    "denied_domains = [\"a.test\"]\n"));
  auto allowed = str(places.settings["allowed_domains"]);
  CAF_CHECK_EQUAL(allowed, "allowed_domains in [network_proxy.policy] of config.toml:0");
  auto denied = str(places.settings["denied_domains"]);
  CAF_CHECK_EQUAL(denied, "denied_domains in [network_proxy.policy] of config.toml:4 set");
  auto mitm = str(places.settings["mitm.enabled"]);
  CAF_CHECK_EQUAL(mitm, "enabled in [network_proxy.mitm] of config.toml:0");
}

CAF_TEST(what the managed layer keeps is known) {
  folder home;
  home.write("managed.toml",
             newer("enabled = true\nmode = \"limited\"\nallow_local_binding = true\n"
                   "allowed_domains = [\"*.corp.test\"]\n"));
  home.write("config.toml", newer("mitm = true\n"));
  auto places = places_of(load(home.from()));
  CAF_CHECK(places.managed_file.ends_with("/managed.toml"));
  CAF_REQUIRE(places.ceiling);
  CAF_CHECK_EQUAL(places.ceiling->size(), 1u);
  CAF_CHECK(places.settings["mode"].managed);
  CAF_CHECK(!places.settings["allow_local_binding"].managed);
  // A user narrows it in a list of their own.
  auto allowed = str(places.settings["allowed_domains"]);
  CAF_CHECK_EQUAL(allowed, "allowed_domains in [permissions.dev.network] of config.toml:0");
}

CAF_TEST(what the managed layer denies is known beside a list of the user) {
  for (std::string_view managed :
       {"denied_domains = [\"bad.test\"]\n", "domains = {\"bad.test\" = \"deny\"}\n"}) {
    folder home;
    home.write("managed.toml", newer("enabled = true\n" + std::string{managed}));
    home.write("config.toml", newer("denied_domains = [\"bad.test\", \"worse.test\"]\n"));
    auto places = places_of(load(home.from()));
    CAF_REQUIRE_EQUAL(places.demanded.size(), 1u);
    CAF_CHECK_EQUAL(places.demanded[0].text, "bad.test");
  }
}

CAF_TEST(refusals are told inside where the key says so) {
  auto told = load_text(newer("refusals = \"inside\"\nmitm = true\n"));
  CAF_REQUIRE(told.config);
  CAF_CHECK_EQUAL(told.config->refusals, "inside");
  CAF_CHECK(told.problems.empty());
  auto plain = load_text(newer(""));
  CAF_REQUIRE(plain.config);
  CAF_CHECK_EQUAL(plain.config->refusals, "auto");
  CAF_CHECK(!load_text(newer("refusals = \"everywhere\"\n")).config);
  auto idle = load_text(newer("refusals = \"inside\"\n"));
  CAF_REQUIRE(!idle.problems.empty());
  CAF_CHECK(idle.problems[0].level == problem::severity::warning);
}
