#define CAF_SUITE config.layouts
#include "config/load.hpp" // unit under test

#include "config/address.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

void check_policy(const proxy_config& config) {
  CAF_CHECK(config.enabled);
  CAF_CHECK_EQUAL(config.mode, policy::mode::limited);
  CAF_CHECK_EQUAL(to_string(config.http), std::string{"127.0.0.1:80"});
  CAF_CHECK_EQUAL(to_string(config.socks), std::string{"127.0.0.1:8081"});
  CAF_CHECK(!config.enable_socks5);
  CAF_CHECK(!config.enable_socks5_udp);
  CAF_CHECK(!config.allow_upstream_proxy);
  CAF_CHECK(config.allow_local_binding);
  CAF_CHECK(config.dangerously_allow_non_loopback_proxy);
  CAF_CHECK_EQUAL(texts(config.allowed_domains), (strings{"a.example", "*.b.example"}));
  CAF_CHECK_EQUAL(texts(config.denied_domains), (strings{"x.b.example"}));
  CAF_CHECK_EQUAL(config.allow_unix_sockets, (strings{"/run/a.sock"}));
  CAF_CHECK_EQUAL(config.mitm.inspect, true);
  CAF_CHECK_EQUAL(config.mitm.max_body_bytes, 8192u);
}

} // namespace

CAF_TEST(the newer layout is read from the selected profile only) {
  auto config = config_of(load_text(R"(
default_permissions = "dev"
[permissions.other.network]
enabled = "not even a bool"
[permissions.dev.filesystem]
read = "all"
[permissions.dev.network]
enabled = true
mode = "limited"
proxy_url = "http://localhost:80"
socks_url = "127.0.0.1"
enable_socks5 = false
enable_socks5_udp = false
allow_upstream_proxy = false
allow_local_binding = true
dangerously_allow_non_loopback_proxy = true
allowed_domains = [" a.example ", "*.b.example"]
denied_domains = ["x.b.example"]
allow_unix_sockets = ["/run/a.sock"]
[permissions.dev.network.mitm]
inspect = true
max_body_bytes = "8KiB"
)"));
  check_policy(config);
  CAF_CHECK_EQUAL(config.profile, std::string{"dev"});
}

CAF_TEST(the older layout means the same) {
  auto config = config_of(load_text(R"(
[network_proxy]
enabled = true
mode = "limited"
proxy_url = "http://localhost:80"
admin_url = "127.0.0.1:99"
enable_socks5 = false
socks_url = "127.0.0.1"
enable_socks5_udp = false
allow_upstream_proxy = false
dangerously_allow_non_loopback_proxy = true
dangerously_allow_non_loopback_admin = true
[network_proxy.policy]
allowed_domains = ["a.example", "*.b.example"]
denied_domains = ["x.b.example"]
allow_local_binding = true
allow_unix_sockets = ["/run/a.sock"]
[network_proxy.mitm]
enabled = false
inspect = true
max_body_bytes = 8192
)"));
  check_policy(config);
  CAF_CHECK_EQUAL(config.profile, std::string{});
  CAF_CHECK_EQUAL(to_string(*config.admin), std::string{"127.0.0.1:99"});
}

CAF_TEST(without a selected profile profiles are not read and the user is told) {
  auto result = load_text("[permissions.dev.network]\nenabled = true\n");
  CAF_CHECK_EQUAL(told(result),
                  std::string{"config.toml: warning: no network settings: the proxy is disabled "
                              "(default_permissions = \"dev\" selects [permissions.dev])\n"});
  CAF_CHECK(!config_of(std::move(result)).enabled);
}

CAF_TEST(keys of the older layout beside a profile are warned of and not read) {
  auto result =
    load_text(newer("enabled = true\n") + "[network_proxy]\nenabled = false\nvia = false\n" +
              "[network_proxy.policy]\nallowed_domains = [\"x.example\"]\n");
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK_EQUAL(result.problems[0].line, 5u);
  CAF_CHECK(result.problems[0].level == problem::severity::warning);
  CAF_CHECK_EQUAL(result.problems[1].key, std::string{"network_proxy.policy.allowed_domains"});
  auto config = config_of(std::move(result));
  CAF_CHECK(config.enabled);
  CAF_CHECK(!config.via);
  CAF_CHECK(config.allowed_domains.empty());
}

CAF_TEST(the daemon settings stand in network_proxy beside either layout) {
  std::string daemon = R"(
[network_proxy]
admin_url = ""
workers = 3
shutdown_grace = "1m"
via = false
[network_proxy.limits]
max_head_bytes = "32KiB"
max_header_fields = 7
[network_proxy.timeouts]
head = 5
idle = "1h30m"
[network_proxy.dns]
servers = ["9.9.9.9", "127.0.0.1:5353", "[2620:fe::fe]:53", "2620:fe::9"]
hosts_file = ""
cache_size = 0
[network_proxy.audit]
output = "stderr"
[network_proxy.log]
level = "warn"
format = "json"
access = true
)";
  for (const auto& text : {daemon, newer("enabled = true\n") + daemon}) {
    auto config = config_of(load_text(text));
    CAF_CHECK(!config.admin);
    CAF_CHECK_EQUAL(config.workers, 3u);
    CAF_CHECK_EQUAL(config.shutdown_grace.count(), 60'000);
    CAF_CHECK(!config.via);
    CAF_CHECK_EQUAL(config.limits.max_head_bytes, 32u * 1024);
    CAF_CHECK_EQUAL(config.limits.max_header_fields, 7u);
    CAF_CHECK_EQUAL(config.timeouts.head.count(), 5'000);
    CAF_CHECK_EQUAL(config.timeouts.idle.count(), 5'400'000);
    CAF_CHECK_EQUAL(config.timeouts.connect.count(), 10'000);
    CAF_CHECK_EQUAL(config.dns.servers.size(), 4u);
    CAF_CHECK_EQUAL(config.dns.hosts_file, std::string{});
    CAF_CHECK_EQUAL(config.dns.cache_size, 0u);
    CAF_CHECK_EQUAL(config.audit.output, std::string{"stderr"});
    CAF_CHECK_EQUAL(config.log.level, std::string{"warn"});
    CAF_CHECK_EQUAL(config.log.format, std::string{"json"});
    CAF_CHECK(config.log.access);
  }
}

CAF_TEST(maps and lists are merged and deny beats allow) {
  auto config = config_of(load_text(newer(R"(
allowed_domains = ["list.example", "both.example"]
denied_domains = ["worse.example"]
domains = {"map.example" = "allow", "both.example" = "deny", "none.example" = "none", "*.Same.example" = "deny", "*.same.example" = "allow", "Also.example" = "allow", "also.example" = "deny"}
allow_unix_sockets = ["/run/a.sock", "/run/../run/b.sock"]
unix_sockets = {"/run/c.sock" = "allow", "/run/b.sock" = "deny", "not/absolute" = "deny", "/run/d.sock" = "none"}
)")));
  CAF_CHECK_EQUAL(texts(config.allowed_domains),
                  (strings{"list.example", "both.example", "map.example"}));
  CAF_CHECK_EQUAL(texts(config.denied_domains),
                  (strings{"worse.example", "*.Same.example", "also.example", "both.example"}));
  CAF_CHECK_EQUAL(config.allow_unix_sockets, (strings{"/run/a.sock", "/run/c.sock"}));
  CAF_CHECK_EQUAL(config.denied_unix_sockets, (strings{"/run/b.sock", "not/absolute"}));
}

CAF_TEST(each pattern keeps its own file and line and column) {
  auto config =
    config_of(load_text(newer("allowed_domains = [\n  \"a.example\", \"b.example\",\n]\n"
                              "[permissions.dev.network.domains]\n  \"c.example\" = \"allow\"\n")));
  std::string seen;
  for (const auto& r : config.allowed_domains)
    seen += r.text + " " + std::filesystem::path{r.file}.filename().string() + ":" +
            std::to_string(r.line) + ":" + std::to_string(r.column) + "\n";
  CAF_CHECK_EQUAL(
    seen, std::string{
            "a.example config.toml:4:3\nb.example config.toml:4:16\nc.example config.toml:7:3\n"});
}

CAF_TEST(hooks need interception) {
  constexpr std::string_view hook =
    "[[permissions.dev.network.mitm_hooks]]\nhost = \"api.example.com\"\n"
    "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n";
  for (const auto& [lines, good] : std::initializer_list<std::pair<std::string, bool>>{
         {"mitm = true\n", true},
         {"mitm = {enabled = true}\n", true},
         {std::string{"mitm = true\n"} + std::string{hook}, true},
         {std::string{hook}, false},
         {std::string{"mitm = {inspect = true}\n"} + std::string{hook}, false},
         {"mitm_hooks = []\n", true},
       }) {
    CAF_MESSAGE(lines);
    folder home;
    home.write("config.toml", newer(lines));
    auto result = load(home.from());
    CAF_CHECK_EQUAL(result.config.has_value(), good);
    CAF_CHECK(good ||
              contains(told(result), "error: network.mitm_hooks requires network.mitm = true ("));
  }
}

CAF_TEST(paths in a file are relative to its folder) {
  folder home;
  home.write(
    "config.toml",
    newer("[permissions.dev.network.mitm]\nca_cert_path = \"ca.pem\"\nca_key_path = \"/k\"\n"
          "[network_proxy.audit]\noutput = \"file:audit.jsonl\"\n"));
  auto config = config_of(load(home.from()));
  CAF_CHECK_EQUAL(config.mitm.ca_cert_path, home.at("ca.pem"));
  CAF_CHECK_EQUAL(config.mitm.ca_key_path, std::string{"/k"});
  CAF_CHECK_EQUAL(config.audit.output, "file:" + home.at("audit.jsonl"));
}

CAF_TEST(the admin token comes from the environment or a file and must be there) {
  folder home;
  home.write("token", " s3cret\n");
  struct row {
    std::string lines, token, message;
  };
  for (auto& [lines, token, message] : std::initializer_list<row>{
         {"admin_token_env = \"TOKEN\"", "from-env", ""},
         {"admin_token_file = \"token\"", "s3cret", ""},
         {"admin_token_env = \"\"\nadmin_token_file = \"\"", "", ""},
         {"admin_token_env = \"UNSET\"", "", "the admin token is not set or empty"},
         {"admin_token_env = \"BLANK\"", "", "the admin token is not set or empty"},
         {"admin_token_env = \"SPACED\"", "", "must be printable ASCII without spaces"},
         {"admin_token_file = \"nowhere\"", "", "No such file or directory"},
         {"admin_token_env = \"TOKEN\"\nadmin_token_file = \"token\"", "", "expected only one of"},
       }) {
    CAF_MESSAGE(lines);
    home.write("config.toml", "[network_proxy]\n" + lines + "\n");
    auto result = load(home.from({{"TOKEN", "from-env"}, {"BLANK", " "}, {"SPACED", "a b"}}));
    CAF_CHECK_EQUAL(result.config.has_value(), message.empty());
    CAF_CHECK(message.empty() || contains(told(result), message));
    CAF_CHECK(!contains(told(result), "a b"));
    if (result.config)
      CAF_CHECK_EQUAL(result.config->admin_token, token);
  }
}
