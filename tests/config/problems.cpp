#define CAF_SUITE config.problems
#include "config/load.hpp" // unit under test

#include "config/keys.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

CAF_TEST(every problem is told in file order with its exact place) {
  auto result = load_text(R"(default_permissions = "dev"
[permissions.dev.network]
enabled = "yes"
allowed_domain = []
mode = "ful"
allowed_domains = ["ok.example", "*", 7]
  admin_url = "x"
proxy_url = "http://example.com:80"
denied_domains = "x.example"
allow_unix_sockets = ["relative.sock"]
[permissions.dev.network.domains]
"a.example" = "ask"
"x{a,b}.example" = "deny"
[network_proxy]
limit = 4
workers = 9999
[network_proxy.limits]
max_head_bytes = "1B"
[network_proxy.timeouts]
idle = "5 parsecs"
head = 1.5
dns = -4
[network_proxy.dns]
servers = ["dns.example"]
[network_proxy.audit]
output = "syslog"
)");
  CAF_CHECK(!result.config);
  std::vector<std::string> expected{
    "config.toml:3:11: error: permissions.dev.network.enabled: expected true or false, got \"yes\"",
    "config.toml:4:1: error: permissions.dev.network.allowed_domain: unknown key (did you mean "
    "allowed_domains?)",
    "config.toml:5:8: error: permissions.dev.network.mode: expected one of full, limited, got "
    "\"ful\"",
    "config.toml:6:34: error: permissions.dev.network.allowed_domains[1]: unsupported global "
    "wildcard",
    "config.toml:6:39: error: permissions.dev.network.allowed_domains[2]: expected a string, got 7",
    "config.toml:7:3: error: permissions.dev.network.admin_url: unknown key (it belongs in "
    "[network_proxy])",
    "config.toml:8:13: error: permissions.dev.network.proxy_url: expected an IP address or "
    "localhost, got \"example.com\"",
    "config.toml:9:18: error: permissions.dev.network.denied_domains: expected a list of strings, "
    "got \"x.example\"",
    "config.toml:10:23: error: permissions.dev.network.allow_unix_sockets[0]: expected a NUL-free "
    "absolute path, got "
    "\"relative.sock\"",
    "config.toml:12:15: error: permissions.dev.network.domains.\"a.example\": expected \"allow\", "
    "\"deny\" or \"none\", got "
    "\"ask\"",
    "config.toml:13:1: error: permissions.dev.network.domains.\"x{a,b}.example\": character "
    "classes and alternates",
    "config.toml:15:1: error: network_proxy.limit: unknown key (did you mean limits?)",
    "config.toml:16:11: error: network_proxy.workers: must be between 0 and 1024, got 9999",
    "config.toml:18:18: error: network_proxy.limits.max_head_bytes: must be between 1KiB and 1MiB, "
    "got 1B",
    "config.toml:20:8: error: network_proxy.timeouts.idle: expected a duration such as \"30s\", "
    "\"500ms\" or \"1h30m\", got "
    "\"5 parsecs\"",
    "config.toml:21:8: error: network_proxy.timeouts.head: expected a duration such as \"30s\" or "
    "a number of seconds, "
    "got a number with a fraction",
    "config.toml:22:7: error: network_proxy.timeouts.dns: must be between 1ms and 1d, got -4",
    "config.toml:24:12: error: network_proxy.dns.servers[0]: expected ip, ip:port or [ip6]:port, "
    "got \"dns.example\"",
    "config.toml:26:10: error: network_proxy.audit.output: expected \"none\", \"stderr\" or "
    "\"file:PATH\", got \"syslog\"",
  };
  CAF_REQUIRE_EQUAL(result.problems.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    auto line = result.problems[i].str();
    CAF_CHECK_EQUAL(line.substr(0, expected[i].size()), expected[i]);
  }
}

CAF_TEST(the hint is the nearest key or the table where the key belongs) {
  struct row {
    std::string text, hint;
  };
  for (auto& [text, hint] : std::initializer_list<row>{
         {newer("denied_domain = []"), "did you mean denied_domains?"},
         {newer("Enabled = true"), "did you mean enabled?"},
         {newer("max_head_bytes = 1"), "it belongs in [network_proxy.limits]"},
         {newer("[permissions.dev.network.mitm]\ninspct = true"), "did you mean inspect?"},
         {"[network_proxy]\nallowed_domains = []", "it belongs in [network_proxy.policy]"},
         {newer("") + "[network_proxy]\nallowed_domains = []",
          "it belongs in [permissions.dev.network]"},
         {"[network_proxy.timeout]\nidle = 1", "did you mean timeouts?"},
         {"[network_proxy]\ntimeout = 1", "it belongs in [network_proxy.decider]"},
         {"[network_proxy]\ndomains = {}", "it belongs in [network_proxy.policy]"},
         {"[network_proxy]\nquite_something_else = 1", ""},
         {"[network_proxy]\n" + std::string(5000, 'x') + " = 1", ""},
       }) {
    CAF_MESSAGE(text.substr(0, 100));
    auto result = load_text(text);
    CAF_REQUIRE_EQUAL(result.problems.size(), 1u);
    CAF_CHECK_EQUAL(result.problems[0].hint, hint);
    CAF_CHECK_EQUAL(result.problems[0].message, std::string{"unknown key"});
  }
}

CAF_TEST(tables of the larger product are ignored whatever they hold) {
  auto result = load_text(
    "model = \"x\"\n[tui]\nnetwork = 1\n" + std::string{"[permissions.other]\nnetwork = 3\n"} +
      "[permissions.dev.network]\nenabled = true\n[permissions.dev.filesystem]\nmode = 4\n",
    {"default_permissions=\"dev\""});
  CAF_CHECK_EQUAL(told(result), std::string{});
  CAF_CHECK(config_of(std::move(result)).enabled);
}

CAF_TEST(tables that are none are errors) {
  for (
    auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
      {"network_proxy = 3\n", "config.toml:1:17: error: network_proxy: expected a table, got 3\n"},
      {"[network_proxy]\npolicy = \"x\"\n",
       "config.toml:2:10: error: network_proxy.policy: expected a table, got \"x\"\n"},
      {"default_permissions = \"dev\"\n[permissions.dev]\nnetwork = []\n",
       "config.toml:3:11: error: permissions.dev.network: expected a table, got a list\n"},
      {newer("domains = []\n"),
       "config.toml:3:11: error: permissions.dev.network.domains: expected a table, got a list\n"},
      {newer("mitm = 3\n"),
       "config.toml:3:8: error: permissions.dev.network.mitm: expected a table, got 3\n"},
      {newer("mitm_hooks = {}\n"), "config.toml:3:14: error: permissions.dev.network.mitm_hooks: "
                                   "expected a list of tables, got a table\n"},
    }) {
    CAF_CHECK_EQUAL(told(load_text(text)), place);
  }
}

CAF_TEST(a profile that does not exist is an error with the nearest name) {
  for (auto& [text, line] : std::vector<std::pair<std::string, std::string>>{
         {"default_permissions = \"wrok\"\n[permissions.work.network]\n",
          "config.toml:1:23: error: default_permissions: there is no [permissions.wrok] (did you "
          "mean \"work\"?)\n"},
         {"default_permissions = \"workspace\"\n",
          "config.toml:1:23: error: default_permissions requires a `[permissions]` table for "
          "network settings\n"},
         {"default_permissions = 3\n",
          "config.toml:1:23: error: default_permissions: expected the name of a profile\n"},
         {"default_permissions = \"a.b\"\n[permissions.c]\n",
          "config.toml:1:23: error: default_permissions: there is no [permissions.\"a.b\"]\n"},
       }) {
    CAF_CHECK_EQUAL(told(load_text(text)), line);
  }
  auto builtin = load_text("default_permissions = \":workspace\"\n");
  CAF_CHECK(contains(told(builtin), "warning"));
  CAF_CHECK(!config_of(std::move(builtin)).enabled);
}

CAF_TEST(bounds hold at both ends) {
  struct row {
    std::string lines;
    bool holds;
  };
  for (auto& [lines, holds] : std::initializer_list<row>{
         {"workers = 0", true},
         {"workers = 1024", true},
         {"workers = 1025", false},
         {"workers = -1", false},
         {"workers = \"4\"", false},
         {"shutdown_grace = 0", true},
         {"shutdown_grace = \"1d\"", true},
         {"shutdown_grace = 86401", false},
         {"shutdown_grace = 9223372036854775807", false},
         {"shutdown_grace = -9223372036854775808", false},
         {"limits.max_head_bytes = 1024", true},
         {"limits.max_head_bytes = 1023", false},
         {"limits.max_head_bytes = \"1MiB\"", true},
         {"limits.max_head_bytes = \"1025KiB\"", false},
         {"limits.max_connections = 0", true},
         {"limits.max_connections = -1", false},
         {"limits.min_body_rate = 0", true},
         {"limits.min_body_rate = -1", false},
         {"decider.timeout = \"1ms\"", true},
         {"decider.timeout = 0", false},
         {"timeouts.connect = \"1ms\"", true},
         {"timeouts.connect = 0", false},
         {"audit.output = \"file:\"", false},
         {"log.access = 1", false},
         {"log.level = \"INFO\"", false},
         {"admin_url = \"unix:///run/x.sock\"", true},
         {"admin_url = \"unix://x.sock\"", false},
       }) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(load_text("[network_proxy]\n" + lines + "\n").config.has_value(), holds);
  }
}

CAF_TEST(two listeners cannot have one address) {
  auto result = load_text("[network_proxy]\nproxy_url = \"localhost:8080\"\n");
  CAF_CHECK(contains(told(result), "error: network_proxy.admin_url: the admin API and the HTTP "
                                   "proxy cannot share 127.0.0.1:8080"));
  CAF_CHECK(load_text("[network_proxy]\nproxy_url = \"localhost:0\"\nadmin_url = \"localhost:0\"\n")
              .config.has_value());
  CAF_CHECK(load_text("[network_proxy]\nproxy_url = \"localhost:8080\"\nadmin_url = \"\"\n")
              .config.has_value());
}

CAF_TEST(clamping is warned of where the address was written) {
  auto result = load_text(
    newer("enable_socks5 = false\nsocks_url = \"0.0.0.0\"\nproxy_url = \"0.0.0.0:3128\"\n"));
  CAF_REQUIRE_EQUAL(result.problems.size(), 1u);
  CAF_CHECK_EQUAL(result.problems[0].line, 5u);
  CAF_CHECK_EQUAL(result.problems[0].column, 13u);
  CAF_CHECK_EQUAL(result.problems[0].key, std::string{"permissions.dev.network.proxy_url"});
  CAF_CHECK(result.problems[0].level == problem::severity::warning);
  auto config = config_of(std::move(result));
  CAF_CHECK_EQUAL(config.http.ip, std::string{"127.0.0.1"});
  CAF_CHECK_EQUAL(config.socks.ip, std::string{"127.0.0.1"});
}

CAF_TEST(check looks at the patterns too) {
  folder home;
  home.write("config.toml",
             newer("enabled = true\nallowed_domains = [\n  \"*.lonely.example\"]\n"));
  CAF_CHECK_EQUAL(load(home.from()).problems.size(), 0u);
  auto result = load(home.from(), true);
  CAF_REQUIRE_EQUAL(result.problems.size(), 1u);
  CAF_CHECK_EQUAL(result.problems[0].line, 5u);
  CAF_CHECK(contains(result.problems[0].message, "lonely.example"));
  CAF_CHECK(result.config.has_value());
}

CAF_TEST(a mistake per line costs no more than a list of the first) {
  std::string text = "[network_proxy]\n";
  for (int i = 0; i < 20'000; ++i)
    text += "unknown_key_" + std::to_string(i) + " = 1\n";
  auto result = load_text(text);
  CAF_REQUIRE_EQUAL(result.problems.size(), 1001u);
  CAF_CHECK_EQUAL(result.problems.back().message, std::string{"and 19000 more problems"});
  CAF_CHECK(!result.config);
}

CAF_TEST(names and values never reach a terminal raw) {
  auto result = load_text(
    newer("\"\\u001b[31m\" = 1\nmode = "
          "\"\\u001b[2J\"\n[permissions.dev.network.domains]\n\"\\u0007\" = \"allow\"\n"));
  CAF_CHECK_EQUAL(result.problems.size(), 3u);
  auto text = told(result);
  CAF_CHECK(!contains(text, "\x1b"));
  CAF_CHECK(!contains(text, "\a"));
}

CAF_TEST(the nearest word is near) {
  strings words{"mode", "enabled", "limits"};
  CAF_CHECK_EQUAL(nearest("mdoe", words), std::string{"mode"});
  CAF_CHECK_EQUAL(nearest("enable", words), std::string{"enabled"});
  CAF_CHECK_EQUAL(nearest("zzzz", words), std::string{});
  CAF_CHECK_EQUAL(nearest("rnu", {"env", "run"}), std::string{"run"}); // a swap is one mistake
  CAF_CHECK_EQUAL(nearest("ab", {"ba"}), std::string{"ba"});
  CAF_CHECK_EQUAL(nearest("", words), std::string{});
}

CAF_TEST(a check warns of policies that do not do what was meant) {
  auto warned = [](const std::string& text) {
    folder home;
    home.write("config.toml", text);
    auto result = load(home.from(), true);
    CAF_CHECK(result.config);
    return told(result);
  };
  struct row {
    std::string lines;
    std::vector<std::string> words;
  };
  for (auto& [lines, words] : std::initializer_list<row>{
         {"enabled = true\n", {"allowed_domains: is empty"}},
         {"enabled = true\nallowed_domains = []\n", {"config.toml:4:", "is empty"}},
         {"enabled = true\ndomains = {\"a.test\" = \"deny\"}\n", {"is empty"}},
         {"mode = \"limited\"\nallowed_domains = [\"a.test\"]\n",
          {"config.toml:3:8", "limited mode refuses all HTTPS"}},
         {"allowed_domains = [\"0.0.0.0/0\"]\n", {"config.toml:3:20", "every IPv4 address"}},
         {"denied_domains = [\"::/0\"]\n", {"config.toml:3:19", "every IPv6 address"}},
         {"domains = {\"0.0.0.0/0\" = \"allow\"}\n", {"every IPv4 address"}},
         {"allowed_domains = [\"169.254.169.254\"]\n", {"config.toml:3:20", "metadata service"}},
         {"mitm = true\nallowed_domains = [\"*.openai.test\", \"openai.test\"]\n"
          "[[permissions.dev.network.mitm_hooks]]\nhost = \"api.test\"\n"
          "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n",
          {"config.toml:6:8", "no request ever reaches the hooks of this host"}},
       }) {
    CAF_MESSAGE(lines);
    auto text = warned(newer(lines));
    for (auto& word : words)
      CAF_CHECK(contains(text, word));
  }
  for (auto& good : {"enabled = true\nallowed_domains = [\"a.test\"]\n", "enabled = false\n",
                     "mode = \"limited\"\nmitm = true\n",
                     "enabled = true\ndomains = {\"a.test\" = \"allow\"}\n"}) {
    CAF_MESSAGE(good);
    CAF_CHECK_EQUAL(warned(newer(good)), std::string{});
  }
  // A start is no check.
  CAF_CHECK_EQUAL(told(load_text(newer("enabled = true\nmode = \"limited\"\n"))), std::string{});
}

CAF_TEST(a load without secrets fetches none and judges the rest) {
  auto text = newer("mitm = true\n[[permissions.dev.network.mitm_hooks]]\nhost = \"api.test\"\n"
                    "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n"
                    "actions = {inject_request_headers = [\n"
                    "  {name = \"a\", secret_env_var = \"NOT_THERE\"},\n"
                    "  {name = \"b\", prefix = \"PREFIX\", secret_file = \"/not/there\"}]}\n"
                    "[network_proxy]\nadmin_token_env = \"NOT_THERE\"\n"
                    "socks_users = {alice = \"env:NOT_THERE\", bob = \"file:/not/there\"}\n");
  auto loaded = [](std::string file) {
    folder home;
    home.write("config.toml", file);
    auto from = home.from();
    from.secrets = secrets_wanted::none;
    from.before_secrets = [] { CAF_FAIL("a secret was fetched"); };
    return load(from);
  };
  CAF_CHECK(!load_text(text).config);
  auto result = loaded(text);
  CAF_CHECK_EQUAL(told(result), std::string{});
  CAF_REQUIRE(result.config);
  CAF_CHECK_EQUAL(result.config->socks_users.size(), 2u);
  auto broken = text;
  broken.replace(broken.find("PREFIX"), 6, "é");
  CAF_CHECK(contains(told(loaded(broken)), "invalid value for injected header b"));
  CAF_CHECK(contains(told(loaded(text + "admin_token_file = \"/not/there\"\n")),
                     "expected only one of admin_token_env and admin_token_file"));
  CAF_CHECK(contains(told(loaded(text + "nonsense = 1\n")), "unknown key"));
}

CAF_TEST(what may be a secret in the wrong place is not shown) {
  constexpr auto secret = "authorization=Bearer s3cr3t";
  for (const auto* key : {"network_proxy.otel.headers", "network_proxy.socks_users"}) {
    auto result = load_text("", {std::string{key} + "=\"" + secret + "\""});
    auto all = told(result);
    CAF_MESSAGE(all);
    CAF_CHECK(all.ends_with(std::string{key} + ": expected a table, got a string\n"));
  }
  auto in_hook = [&](const std::string& value) {
    return told(
      load_text(newer("mitm_hooks = [{host = \"a\", match = {methods = [\"GET\"], path_prefixes "
                      "= [\"/\"]}, actions = {inject_request_headers = " +
                      value + "}}]\n")));
  };
  for (const auto& all : {in_hook("\"s3cr3t\""), in_hook("[\"s3cr3t\"]")}) {
    CAF_MESSAGE(all);
    CAF_CHECK(proxy::test::has(all, "got a string"));
    CAF_CHECK(!proxy::test::has(all, "s3cr3t"));
  }
}
