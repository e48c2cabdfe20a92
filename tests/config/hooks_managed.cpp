#define CAF_SUITE config.hooks_managed
#include "config/hooks.hpp" // unit under test

#include "tests/config/hook_texts.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

CAF_TEST(the hooks of a managed host stay as they are) {
  auto one = [](const std::string& host, const std::string& path) {
    return "[[permissions.dev.network.mitm_hooks]]\nhost = \"" + host +
           "\"\nmatch = {methods = [\"GET\"], path_prefixes = [\"" + path + "\"]}\n";
  };
  struct row {
    std::string user;
    bool ok;
  };
  for (auto& [user, ok] : std::initializer_list<row>{
         {"", true},
         {one("api.test", "/v1/") + one("b.test", "/"), true},
         {one("b.test", "/") + one("API.test", "/v1/"), true},
         {"mitm_hooks = []\n", false},
         {one("b.test", "/"), false},
         {one("api.test", "/"), false},
         {one("api.test", "/v1/") + one("api.test", "/v2/"), false},
       }) {
    CAF_MESSAGE(user);
    folder home;
    home.write("managed.toml", newer("mitm = true\n" + one("api.test", "/v1/")));
    auto result = load_in(home, newer(user));
    CAF_CHECK_EQUAL(result.config.has_value(), ok);
    CAF_CHECK(ok || contains(told(result),
                             "error: invalid value for permissions.dev.network.mitm_hooks: other "
                             "hooks for api.test (allowed the managed ones)"));
  }
}

CAF_TEST(a managed hook on an address holds for its other spellings) {
  auto one = [](const std::string& host, const std::string& path) {
    return "[[permissions.dev.network.mitm_hooks]]\nhost = \"" + host +
           "\"\nmatch = {methods = [\"GET\"], path_prefixes = [\"" + path + "\"]}\n";
  };
  for (auto managed : {"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"})
    for (auto user : {"192.0.2.1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1",
                      "2002:c000:201::", "0xc0.0.2.1", "3221225985"}) {
      CAF_MESSAGE(managed << " and " << user);
      folder home;
      home.write("managed.toml", newer("mitm = true\n" + one(managed, "/v1/")));
      auto result = load_in(home, newer(one(managed, "/v1/") + one(user, "/")));
      CAF_CHECK(!result.config);
      CAF_CHECK(contains(told(result), "(allowed the managed ones)"));
      // The same hooks in another order of hosts are fine.
      CAF_CHECK(load_in(home, newer(one("b.test", "/") + one(managed, "/v1/"))).config.has_value());
    }
}

CAF_TEST(managed hooks keep their actions and survive another profile or interception turned off) {
  auto in = [](const std::string& profile, const std::string& lines, const std::string& actions) {
    auto table = "permissions." + profile + ".network";
    return "default_permissions = \"" + profile + "\"\n[" + table + "]\n" + lines +
           (actions.empty() ? std::string{}
                            : "[[" + table + ".mitm_hooks]]\nhost = \"api.test\"\n" + match +
                                "actions = {" + actions + "}\n");
  };
  constexpr auto strip = "strip_request_headers = [\"cookie\"]";
  constexpr auto inject = "inject_request_headers = [{name = \"x\", secret_env_var = \"T\"}]";
  struct row {
    std::string user, problem;
  };
  for (auto& [user, problem] : std::initializer_list<row>{
         {in("other", "", ""), ""},
         {in("other", "", strip), ""},
         {in("dev", "", strip), ""},
         {in("dev", "", inject), "other hooks for api.test (allowed the managed ones)"},
         {in("dev", "mitm_hooks = []\n", ""), "other hooks for api.test"},
         {in("other", "mitm_hooks = []\n", ""), "other hooks for api.test"},
         {"[network_proxy]\nmitm_hooks = []\n", ""}, // not read beside a profile
         {in("dev", "mitm = false\n", ""), "network.mitm_hooks requires network.mitm = true"},
       }) {
    CAF_MESSAGE(user);
    folder home;
    home.write("managed.toml", in("dev", "mitm = true\n", strip));
    auto result = load_in(home, user, {{"T", "t"}});
    CAF_CHECK_EQUAL(result.config.has_value(), problem.empty());
    CAF_CHECK(contains(told(result), problem));
    if (result.config) {
      CAF_REQUIRE_EQUAL(result.config->mitm_hooks.size(), 1u);
      auto& stripped = result.config->mitm_hooks[0].strip_request_headers;
      CAF_CHECK_EQUAL(stripped, strings{"cookie"});
    }
  }
}
