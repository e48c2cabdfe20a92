#define CAF_SUITE config.hooks
#include "config/hooks.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;
using nlohmann::json;

namespace {

constexpr const char* match = "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n";

/// One hook with these lines behind its header, in the newer layout with interception on.
std::string hook(const std::string& lines) {
  return newer("mitm = true\n[[permissions.dev.network.mitm_hooks]]\n" + lines);
}

/// The same for api.test and its actions.
std::string injecting(const std::string& injection) {
  return hook("host = \"api.test\"\n" + std::string{match} +
              "actions = {inject_request_headers = [" + injection + "]}\n");
}

loaded load_in(const folder& home, std::string_view text,
               std::map<std::string, std::string> env = {}) {
  home.write("config.toml", text);
  return load(home.from(std::move(env)));
}

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
