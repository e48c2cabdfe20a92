#define CAF_SUITE config.hooks_secrets
#include "config/hooks.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/config/hook_texts.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;
using nlohmann::json;

CAF_TEST(secrets come from the environment or a file) {
  folder home;
  home.write("token", "\n s3cret \n");
  home.write("two-lines", "a\nb");
  home.write("large", std::string(max_secret_bytes + 1, 'x'));
  auto file = [&](const std::string& name) { return "secret_file = \"" + home.at(name) + "\""; };
  auto failed = std::string{"error: permissions.dev.network.mitm_hooks[0].actions."
                            "inject_request_headers: failed to compile injected header x: "};
  struct row {
    std::string source, value, problem;
  };
  for (auto& [source, value, problem] : std::initializer_list<row>{
         {"secret_env_var = \"TOKEN\"", "from-env", ""},
         {"prefix = \"Bearer \", secret_env_var = \"TOKEN\"", "Bearer from-env", ""},
         {"secret_env_var = \"PADDED\"", " s ", ""}, // as it is
         {"secret_env_var = \"EMPTY\"", "", ""},
         {file("token"), "s3cret", ""}, // trimmed
         {"prefix = \"token \", " + file("token"), "token s3cret", ""},
         {"secret_env_var = \"UNSET\"", "", "missing required environment variable UNSET\n"},
         {file("nowhere"), "",
          "failed to read secret file " + home.at("nowhere") + ": No such file or directory\n"},
         {file("large"), "", "larger than 16KiB\n"},
         {"secret_env_var = \"LINES\"", "", "invalid value for injected header x\n"},
         {file("two-lines"), "", "invalid value for injected header x\n"},
         {"prefix = \"\\n\", secret_env_var = \"TOKEN\"", "",
          "invalid value for injected header x\n"},
         {"secret_env_var = \"BYTES\"", "", "invalid value for injected header x\n"},
       }) {
    CAF_MESSAGE(source);
    auto result = load_in(home, injecting("{name = \"x\", " + source + "}"),
                          {{"TOKEN", "from-env"},
                           {"PADDED", " s "},
                           {"EMPTY", ""},
                           {"LINES", "hidden\r\nx: y"},
                           {"BYTES", "hidden\xff"}});
    CAF_CHECK_EQUAL(result.config.has_value(), problem.empty());
    CAF_CHECK(!contains(told(result), "hidden"));
    if (result.config)
      CAF_CHECK_EQUAL(result.config->mitm_hooks[0].inject_request_headers[0].value.reveal(), value);
    else
      CAF_CHECK(contains(told(result), failed) && contains(told(result), problem));
  }
}

CAF_TEST(a file is read again and its change is told without what it holds) {
  folder home;
  auto text = injecting("{name = \"x\", secret_file = \"" + home.at("token") + "\"}");
  home.write("token", "first");
  auto before = config_of(load_in(home, text));
  auto same = config_of(load_in(home, "\n\n" + text));
  CAF_CHECK_EQUAL(changed_keys(before, same), strings{});
  home.write("token", "second");
  auto after = config_of(load_in(home, text));
  CAF_CHECK_EQUAL(after.mitm_hooks[0].inject_request_headers[0].value.reveal(), "second");
  CAF_CHECK_EQUAL(changed_keys(before, after), strings{"permissions.dev.network.mitm_hooks"});
}

CAF_TEST(secrets of hooks that a higher layer replaced are not asked for) {
  folder home;
  home.write("lower.toml", injecting("{name = \"x\", secret_env_var = \"UNSET\"}"));
  auto from = home.from();
  from.files = {home.at("lower.toml")};
  CAF_CHECK(!load(from).config);
  from.sets = {"mitm_hooks = [{host = \"b.test\", match = {methods = [\"GET\"], path_prefixes = "
               "[\"/\"]}}]"};
  auto config = config_of(load(from));
  CAF_REQUIRE_EQUAL(config.mitm_hooks.size(), 1u);
  CAF_CHECK_EQUAL(config.mitm_hooks[0].where.file, "--set");
}

CAF_TEST(hooks are shown without the secrets that they inject) {
  folder home;
  home.write("token", "s3cret");
  auto config = config_of(load_in(
    home,
    injecting("{name = \"a\", prefix = \"half-\", secret_env_var = \"TOKEN\"}, {name = \"b\", "
              "secret_file = \"" +
              home.at("token") + "\"}"),
    {{"TOKEN", "s3cret"}}));
  auto shown = to_json(config);
  CAF_CHECK(!contains(shown, "s3cret"));
  auto hooks = json::parse(shown)["permissions"]["dev"]["network"]["mitm_hooks"];
  auto expected = json{
    {{"host", "api.test"},
     {"match",
      {{"methods", {"GET"}},
       {"path_prefixes", {"/"}},
       {"query", json::object()},
       {"headers", json::object()}}},
     {"actions",
      {{"strip_request_headers", json::array()},
       {"inject_request_headers",
        {{{"name", "a"}, {"prefix", "half-"}, {"secret_env_var", "TOKEN"}, {"value", "<redacted>"}},
         {{"name", "b"},
          {"prefix", ""},
          {"secret_file", home.at("token")},
          {"value", "<redacted>"}}}}}}}};
  CAF_CHECK_EQUAL(hooks.dump(), expected.dump());
}
