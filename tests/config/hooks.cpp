#define CAF_SUITE config.hooks
#include "config/hooks.hpp" // unit under test

#include "tests/config/hook_texts.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

strings forms(const std::vector<policy::value_matcher>& matchers) {
  strings result;
  for (const auto& m : matchers)
    result.push_back(m.str());
  return result;
}

} // namespace

CAF_TEST(a hook is read whole in every layout) {
  auto tables = [](const std::string& in) {
    return "[[" + in + R"(.mitm_hooks]]
host = "API.test."
[)" + in + R"(.mitm_hooks.match]
methods = [" post ", "GET"]
path_prefixes = ["/v1/", "pattern:/v2/*"]
query = {state = ["open", "pattern:re*"]}
headers = {X-Version = []}
[)" + in + R"(.mitm_hooks.actions]
strip_request_headers = ["Cookie"]
inject_request_headers = [
  {name = "authorization", prefix = "Bearer ", secret_env_var = "TOKEN"},
]
[[)" + in + R"(.mitm_hooks]]
host = "192.0.2.1"
match = {methods = ["*"], path_prefixes = ["literal:*"]}
)";
  };
  for (auto& text : {newer("mitm = true\n") + tables("permissions.dev.network"),
                     "[network_proxy]\nmitm = {enabled = true}\n" + tables("network_proxy")}) {
    folder home;
    auto config = config_of(load_in(home, text, {{"TOKEN", "s3cret"}}));
    CAF_REQUIRE_EQUAL(config.mitm_hooks.size(), 2u);
    auto& first = config.mitm_hooks[0];
    CAF_CHECK_EQUAL(first.host.text(), "api.test");
    CAF_CHECK_EQUAL(first.where.text, "API.test.");
    CAF_CHECK(first.where.file.ends_with("config.toml") && first.where.line > 3);
    CAF_CHECK_EQUAL(first.methods, (strings{"POST", "GET"}));
    CAF_CHECK_EQUAL(forms(first.path_prefixes), (strings{"/v1/", "pattern:/v2/*"}));
    CAF_REQUIRE_EQUAL(first.query.size(), 1u);
    CAF_CHECK_EQUAL(first.query[0].name, "state");
    CAF_CHECK_EQUAL(forms(first.query[0].values), (strings{"open", "pattern:re*"}));
    CAF_REQUIRE_EQUAL(first.headers.size(), 1u);
    CAF_CHECK_EQUAL(first.headers[0].name, "X-Version");
    CAF_CHECK(first.headers[0].values.empty());
    CAF_CHECK_EQUAL(first.strip_request_headers, strings{"Cookie"});
    CAF_REQUIRE_EQUAL(first.inject_request_headers.size(), 1u);
    CAF_CHECK_EQUAL(first.inject_request_headers[0].value.reveal(), "Bearer s3cret");
    auto& second = config.mitm_hooks[1];
    CAF_CHECK_EQUAL(second.host.text(), "192.0.2.1");
    CAF_CHECK(second.strip_request_headers.empty() && second.inject_request_headers.empty());
  }
}

CAF_TEST(what is wrong with a hook is told at its place in the words of all layouts) {
  struct row {
    std::string lines, problem;
  };
  auto with = [](const std::string& lines) { return "host = \"api.test\"\n" + lines + "\n"; };
  auto in_match = [&](const std::string& more) {
    return with("match = {methods = [\"GET\"], path_prefixes = [\"/\"], " + more + "}");
  };
  auto in_actions = [&](const std::string& actions) {
    return with(std::string{match} + "actions = {" + actions + "}");
  };
  auto says = "invalid network.mitm_hooks[0]";
  for (auto& [lines, problem] : std::initializer_list<row>{
         {match, std::string{"4:1: error: "} + says + ".host: host must not be empty"},
         {std::string{"host = \"*.test\"\n"} + match,
          std::string{"5:8: error: "} + says +
            ".host: MITM hook hosts must be exact hosts and cannot contain wildcards"},
         {std::string{"host = \"a.test:443\"\n"} + match, ".host: a hook holds for every port"},
         {with(""), "4:1: error: network.mitm_hooks[0].match.methods must not be empty"},
         {with(""), "network.mitm_hooks[0].match.path_prefixes must not be empty"},
         {with("match = {methods = [], path_prefixes = [\"/\"]}"),
          "6:20: error: network.mitm_hooks[0].match.methods must not be empty"},
         {with("match = {methods = [\" \"], path_prefixes = [\"/\"]}"),
          std::string{"6:21: error: "} + says +
            ".match.methods: methods must not contain empty entries"},
         {with("match = {methods = [\"GET\"], path_prefixes = [\"/\", \"literal:\"]}"),
          std::string{says} + ".match.path_prefixes: path_prefixes must not contain empty entries"},
         {with("match = {methods = [\"GET\"], path_prefixes = [\"pattern:\"]}"),
          std::string{says} + ".match.path_prefixes: glob pattern must not be empty"},
         {with("match = {methods = [\"GET\"], path_prefixes = [\"pattern:/x/[\"]}"),
          std::string{says} +
            ".match.path_prefixes: invalid glob pattern \"/x/[\": unclosed class"},
         {in_match("body = {a = 1}"), "6:59: error: network.mitm_hooks[0].match.body is reserved "
                                      "for a future release and is not yet supported"},
         {in_match("query = {\"\" = [\"a\"]}"),
          std::string{says} + ".match.query: query keys must not be empty"},
         {in_match("query = {a = []}"),
          std::string{says} + ".match.query: query key \"a\" must list at least one allowed value"},
         {in_match("query = {a = [\"pattern:[\"]}"),
          std::string{says} +
            ".match.query: invalid matcher for query key \"a\": invalid glob pattern \"[\""},
         {in_match("headers = {\"x a\" = [\"1\"]}"),
          std::string{says} + ".match.headers: invalid header name \"x a\": "},
         {in_match("headers = {x-a = [\"pattern:{\"]}"),
          std::string{says} +
            ".match.headers: invalid matcher for header \"x-a\": invalid glob pattern \"{\""},
         {in_actions("strip_request_headers = [\"bad name\"]"),
          std::string{says} + ".actions.strip_request_headers: invalid header name \"bad name\": "},
         {in_actions("strip_request_headers = [\"Host\"]"), "the proxy's own to set"},
         {in_actions("inject_request_headers = [{name = \"\", secret_env_var = \"T\"}]"),
          std::string{says} + ".actions.inject_request_headers: invalid header name \"\""},
         {in_actions("inject_request_headers = [{name = \"transfer-encoding\", secret_env_var = "
                     "\"T\"}]"),
          "the proxy's own to set"},
         {in_actions("inject_request_headers = [{name = \"x\"}]"),
          std::string{says} + ".actions.inject_request_headers: expected exactly one of "
                              "secret_env_var or secret_file"},
         {in_actions(
            "inject_request_headers = [{name = \"x\", secret_env_var = \"T\", secret_file = "
            "\"/t\"}]"),
          "expected exactly one of secret_env_var or secret_file"},
         {in_actions("inject_request_headers = [{name = \"x\", secret_env_var = \" \"}]"),
          "secret_env_var must not be empty"},
         {in_actions("inject_request_headers = [{name = \"x\", secret_file = \"\"}]"),
          "secret_file must not be empty"},
         {in_actions("inject_request_headers = [{name = \"x\", secret_file = \"t\"}]"),
          "secret_file must be an absolute path: \"t\""},
         {in_actions("inject_request_headers = [{name = \"x\", secret_file = \"/t\\u0000\"}]"),
          "must not contain NUL"},
         // Types and names of keys.
         {"host = 3\n" + std::string{match},
          "5:8: error: permissions.dev.network.mitm_hooks[0].host: expected a string, got 3"},
         {with("match = 3"), "mitm_hooks[0].match: expected a table, got 3"},
         {with("match = {methods = \"GET\", path_prefixes = [\"/\"]}"),
          "match.methods: expected a list of strings, got \"GET\""},
         {with("match = {methods = [3], path_prefixes = [\"/\"]}"),
          "match.methods: expected a string, got 3"},
         {in_match("query = 3"), "match.query: expected a table, got 3"},
         {in_match("query = {a = \"b\"}"), "match.query: expected a list of strings, got \"b\""},
         {in_match("headers = {a = [3]}"), "match.headers: expected a string, got 3"},
         {in_match("header = {}"),
          "6:52: error: permissions.dev.network.mitm_hooks[0].match.header: unknown key (did you "
          "mean headers?)"},
         {"hots = \"x\"\n" + with(match), "[0].hots: unknown key (did you mean host?)"},
         {in_actions("strip = []"), "[0].actions.strip: unknown key"},
         {in_actions("inject_request_headers = {}"), "expected a list of tables, got a table"},
         {in_actions("inject_request_headers = [3]"), "expected a table, got 3"},
         {in_actions("inject_request_headers = [{name = 3, secret_env_var = \"T\"}]"),
          "inject_request_headers.name: expected a string, got 3"},
         {in_actions("inject_request_headers = [{name = \"x\", secret = \"s3cret\"}]"),
          "inject_request_headers.secret: unknown key"},
       }) {
    CAF_MESSAGE(lines);
    auto result = load_text(hook(lines));
    CAF_CHECK(!result.config);
    if (!contains(told(result), problem))
      CAF_ERROR(told(result) << " lacks " << problem);
    CAF_CHECK(!contains(told(result), "s3cret"));
  }
  CAF_CHECK(
    contains(told(load_text(newer("mitm = true\nmitm_hooks = [3]\n"))),
             "4:15: error: permissions.dev.network.mitm_hooks[0]: expected a table, got 3"));
}

CAF_TEST(hooks need interception) {
  auto one = std::string{"[[permissions.dev.network.mitm_hooks]]\nhost = \"api.test\"\n"} + match;
  auto result = load_text(newer(one));
  CAF_CHECK_EQUAL(told(result), "config.toml:3:1: error: network.mitm_hooks requires network.mitm "
                                "= true (add mitm = true to [permissions.dev.network])\n");
  // Told at the line to change, where there is one.
  for (auto& [lines, place] : std::initializer_list<std::pair<std::string, std::string>>{
         {"mitm = false\n", "config.toml:3:8"},
         {"mitm = {enabled = false, inspect = true}\n", "config.toml:3:19"},
         {"mitm.enabled = false\n", "config.toml:3:16"},
       })
    CAF_CHECK_EQUAL(told(load_text(newer(lines + one))),
                    place + ": error: network.mitm_hooks requires network.mitm = true (write true "
                            "here: the hook of api.test (line 5) needs it)\n");
  CAF_CHECK(contains(told(load_text(newer("mitm = {inspect = true}\n" + one))),
                     "(add enabled = true to [permissions.dev.network.mitm])"));
  auto older =
    "[network_proxy]\n[[network_proxy.mitm_hooks]]\nhost = \"api.test\"\n" + std::string{match};
  CAF_CHECK(contains(told(load_text(older)), "(add enabled = true to [network_proxy.mitm])"));
  for (auto mode : {"full", "limited"})
    CAF_CHECK(load_text(newer("mode = \"" + std::string{mode} + "\"\nmitm = true\n" + one)).config);
}

CAF_TEST(the second hook is named as such) {
  auto both = hook("host = \"a.test\"\n" + std::string{match} +
                   "[[permissions.dev.network.mitm_hooks]]\nhost = \"\"\n" + match);
  CAF_CHECK_EQUAL(told(load_text(both)),
                  "config.toml:8:8: error: invalid network.mitm_hooks[1].host"
                  ": host must not be empty\n");
}

CAF_TEST(the example in the reference holds) {
  folder home;
  home.write("tenant", "7");
  auto text = reference_config();
  auto example = text.substr(text.find("# [[permissions.default.network.mitm_hooks]]"));
  std::string plain;
  for (size_t at = 0; at < example.size();) {
    auto end = example.find('\n', at);
    plain += example.substr(at + 2, end - at - 1);
    at = end + 1;
  }
  auto path = plain.find("/run/secrets/tenant");
  CAF_REQUIRE(path != std::string::npos);
  plain.replace(path, std::string_view{"/run/secrets/tenant"}.size(), home.at("tenant"));
  auto config = config_of(load_in(home,
                                  "default_permissions = \"default\"\n"
                                  "[permissions.default.network]\nmitm = true\n" +
                                    plain,
                                  {{"API_TOKEN", "t"}}));
  CAF_REQUIRE_EQUAL(config.mitm_hooks.size(), 1u);
  CAF_CHECK_EQUAL(config.mitm_hooks[0].inject_request_headers.size(), 2u);
}
