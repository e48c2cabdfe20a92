#define CAF_SUITE config.describe
#include "config/load.hpp" // unit under test

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/keys.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;
using nlohmann::json;

namespace {

std::string read(const std::string& name) {
  std::ifstream in{std::string{PROXY_CONFIG} + "/" + name, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Loads a text as the only file, with the extra warnings of `check`.
loaded check_text(std::string_view text) {
  folder home;
  home.write("config.toml", text);
  return load(home.from(), true);
}

} // namespace

CAF_TEST(the reference file is what the table of keys makes of it) {
  CAF_CHECK(read("proxy.toml") == reference_config());
}

CAF_TEST(what needs a restart keeps the value that runs and is named) {
  proxy_config running;
  running.workers = 2;
  auto next = running;
  next.mode = policy::mode::limited;
  CAF_CHECK(keep_until_restart(running, next).empty());
  next.workers = 5;
  CAF_CHECK(keep_until_restart(running, next) == std::vector<std::string>{"network_proxy.workers"});
  CAF_CHECK_EQUAL(next.workers, 2u);
  CAF_CHECK(next.mode == policy::mode::limited);
}

CAF_TEST(the docs of a key say whether it needs a restart) {
  for (const auto& k : keys) {
    CAF_MESSAGE(k.name);
    CAF_CHECK_EQUAL(k.doc.find("needs a restart") != std::string_view::npos, k.at_start);
  }
}

CAF_TEST(the reference file loads and changes no default) {
  auto result = check_text(reference_config());
  CAF_CHECK_EQUAL(told(result), std::string{});
  auto config = config_of(std::move(result));
  proxy_config defaults;
  defaults.profile = config.profile;
  CAF_CHECK_EQUAL(changed_keys(defaults, config), strings{});
}

CAF_TEST(the starter and the quick start load without a warning) {
  auto starter = check_text(starter_config());
  CAF_CHECK_EQUAL(told(starter), std::string{});
  CAF_CHECK(config_of(std::move(starter)).enabled);
  auto quickstart = check_text(read("quickstart.toml"));
  CAF_CHECK_EQUAL(told(quickstart), std::string{});
  auto config = config_of(std::move(quickstart));
  CAF_CHECK(config.enabled);
  CAF_CHECK(config.log.access);
  CAF_CHECK(config.allowed_domains.size() >= 8);
  CAF_CHECK_EQUAL(config.denied_domains.size(), 1u);
}

CAF_TEST(help and reference name every key once) {
  std::set<std::string_view> seen;
  auto help = describe_keys();
  auto reference = reference_config();
  for (const auto& k : keys) {
    CAF_MESSAGE(k.name);
    CAF_CHECK(seen.insert(k.name).second);
    auto last = std::string{k.name.substr(k.name.rfind('.') + 1)};
    CAF_CHECK(contains(help, "\n  " + last + " ("));
    CAF_CHECK(contains(reference, "\n" + last + " = "));
    CAF_CHECK(contains(help, std::string{k.doc}));
  }
}

CAF_TEST(the configuration is shown in the layout it was written in) {
  auto newer_layout = json::parse(to_json(config_of(
    load_text(newer("enabled = true\nallowed_domains = "
                    "[\"a.example\"]\n[network_proxy.limits]\nmax_head_bytes = \"8KiB\"\n")))));
  CAF_CHECK_EQUAL(newer_layout["default_permissions"].get<std::string>(), std::string{"dev"});
  auto& network = newer_layout["permissions"]["dev"]["network"];
  CAF_CHECK_EQUAL(network["enabled"].get<bool>(), true);
  CAF_CHECK_EQUAL(network["mode"].get<std::string>(), std::string{"full"});
  CAF_CHECK_EQUAL(network["allowed_domains"].dump(), std::string{"[\"a.example\"]"});
  CAF_CHECK_EQUAL(network["mitm"]["max_body_bytes"].get<int>(), 4096);
  CAF_CHECK_EQUAL(newer_layout["network_proxy"]["limits"]["max_head_bytes"].get<int>(), 8192);
  CAF_CHECK_EQUAL(newer_layout["network_proxy"]["timeouts"]["idle"].get<std::string>(),
                  std::string{"15m"});
  CAF_CHECK(!newer_layout["network_proxy"].contains("enabled"));

  auto older = json::parse(
    to_json(config_of(load_text("[network_proxy.policy]\ndenied_domains = [\"a.example\"]\n"))));
  CAF_CHECK_EQUAL(older["network_proxy"]["policy"]["denied_domains"].dump(),
                  std::string{"[\"a.example\"]"});
  CAF_CHECK_EQUAL(older["network_proxy"]["enabled"].get<bool>(), false);
  CAF_CHECK_EQUAL(older["network_proxy"]["admin_url"].get<std::string>(),
                  std::string{"http://127.0.0.1:8080"});
}

CAF_TEST(what is shown loads again to the same) {
  proxy_config config;
  config.admin.reset();
  config.allowed_domains.push_back({"a.example", {}, 0, 0});
  config.timeouts.idle = 90s;
  auto shown = json::parse(to_json(config))["network_proxy"];
  CAF_CHECK_EQUAL(shown["admin_url"].get<std::string>(), std::string{});
  CAF_CHECK_EQUAL(shown["timeouts"]["idle"].get<std::string>(), std::string{"1m30s"});
}

CAF_TEST(the mode is shown with where it comes from) {
  folder home;
  home.write("config.toml", newer("mode = \"limited\"\n"));
  auto from = home.from();
  auto shown = json::parse(to_json(config_of(load(from))));
  CAF_CHECK_EQUAL(shown["mode"].dump(),
                  std::string{R"({"file":"limited","in_force":"limited","override":null})"});
  from.mode = policy::mode::full;
  shown = json::parse(to_json(config_of(load(from))));
  CAF_CHECK_EQUAL(shown["mode"].dump(),
                  std::string{R"({"file":"limited","in_force":"full","override":"full"})"});
  CAF_CHECK_EQUAL(shown["permissions"]["dev"]["network"]["mode"].get<std::string>(),
                  std::string{"full"});
}

CAF_TEST(what was added at run time is shown in its list and by itself) {
  folder home;
  home.write("config.toml", newer("allowed_domains = [\"a.test\"]\n"));
  auto from = home.from();
  auto shown = json::parse(to_json(config_of(load(from))));
  CAF_CHECK_EQUAL(shown["added"].dump(),
                  std::string{R"({"allowed_domains":[],"denied_domains":[]})"});
  from.adds = {{"b.test"}, {"c.test"}};
  shown = json::parse(to_json(config_of(load(from))));
  CAF_CHECK_EQUAL(shown["added"].dump(),
                  std::string{R"({"allowed_domains":["b.test"],"denied_domains":["c.test"]})"});
  const auto& lists = shown["permissions"]["dev"]["network"];
  CAF_CHECK_EQUAL(lists["allowed_domains"].dump(), std::string{R"(["a.test","b.test"])"});
  CAF_CHECK_EQUAL(lists["denied_domains"].dump(), std::string{R"(["c.test"])"});
}

CAF_TEST(the admin token is never shown) {
  proxy_config config;
  config.admin_token = "s3cret";
  auto shown = to_json(config);
  CAF_CHECK(!contains(shown, "s3cret"));
  CAF_CHECK_EQUAL(json::parse(shown)["network_proxy"]["admin_token"].get<std::string>(),
                  std::string{"<redacted>"});
}

CAF_TEST(bytes that are no text do not break what is shown) {
  proxy_config config;
  config.audit.output = "file:/tmp/\xff";
  CAF_CHECK(json::accept(to_json(config)));
}

CAF_TEST(changed keys are named as users write them) {
  auto before = config_of(load_text(newer("mode = \"full\"\nallowed_domains = [\"a.example\"]\n")));
  auto moved = config_of(load_text(newer("\n\nallowed_domains = [ \"a.example\"]\n")));
  CAF_CHECK_EQUAL(changed_keys(before, moved), strings{});
  auto after =
    config_of(load_text(newer("mode = \"limited\"\ndomains = {\"b.example\" = \"allow\"}\n"
                              "[network_proxy.log]\naccess = true\n")));
  CAF_CHECK_EQUAL(changed_keys(before, after),
                  (strings{"permissions.dev.network.mode",
                           "permissions.dev.network.allowed_domains", "network_proxy.log.access"}));
  auto older = config_of(
    load_text("[network_proxy]\nmode = \"limited\"\n[network_proxy.policy]\nallowed_domains = "
              "[\"a.example\"]\n"));
  CAF_CHECK_EQUAL(changed_keys(before, older),
                  (strings{"default_permissions", "network_proxy.mode"}));
  auto renewed = before;
  renewed.admin_token_env = before.admin_token_env = "TOKEN";
  renewed.admin_token = "new";
  CAF_CHECK_EQUAL(changed_keys(before, renewed), strings{"network_proxy.admin_token_env"});
}
