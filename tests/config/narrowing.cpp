#define CAF_SUITE config.narrowing
#include "config/load.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

loaded load_both(const std::string& managed, const std::string& user,
                 std::optional<policy::mode> mode = std::nullopt) {
  folder home;
  home.write("managed.toml", managed);
  home.write("config.toml", user);
  auto from = home.from();
  from.mode = mode;
  return load(from);
}

} // namespace

CAF_TEST(users widen nothing that is managed) {
  struct row {
    std::string managed, user, message;
  };
  for (auto& [managed, user, message] : std::initializer_list<row>{
         {"enabled = false", "enabled = true",
          "enabled: true (allowed false (disabled by managed config))"},
         {"mode = \"limited\"", "mode = \"full\"",
          "mode: full (allowed limited or more restrictive)"},
         {"allow_upstream_proxy = false", "allow_upstream_proxy = true",
          "allow_upstream_proxy: true (allowed false"},
         {"allow_local_binding = false", "allow_local_binding = true",
          "allow_local_binding: true (allowed false"},
         {"dangerously_allow_non_loopback_proxy = false",
          "dangerously_allow_non_loopback_proxy = true",
          "dangerously_allow_non_loopback_proxy: true (allowed false"},
         {"dangerously_allow_all_unix_sockets = false", "dangerously_allow_all_unix_sockets = true",
          "dangerously_allow_all_unix_sockets: true (allowed false"},
         {"unix_sockets = {}", "dangerously_allow_all_unix_sockets = true",
          "dangerously_allow_all_unix_sockets: true (allowed false"},
         {"allowed_domains = [\"*.m.example\"]",
          "allowed_domains = [\"a.m.example\", \"m.example\"]",
          "allowed_domains: \"m.example\" (allowed subset of managed allowed_domains "
          "[\"*.m.example\"])"},
         {"allowed_domains = []", "domains = {\"m.example\" = \"allow\"}",
          "allowed_domains: \"m.example\" (allowed subset of managed allowed_domains [])"},
         {"domains = {\"m.example\" = \"allow\"}", "allowed_domains = [\"x.example\"]",
          "allowed_domains: \"x.example\" (allowed subset of managed allowed_domains "
          "[\"m.example\"])"},
         {"denied_domains = [\"m.example\", \"n.example\"]", "denied_domains = [\"n.example\"]",
          "denied_domains: missing managed denied_domains entries (allowed [\"m.example\"])"},
         {"domains = {\"m.example\" = \"deny\"}", "domains = {\"M.example\" = \"allow\"}",
          "denied_domains: missing managed denied_domains entries (allowed [\"m.example\"])"},
         {"domains = {\"m.example\" = \"deny\"}", "domains = {\"m.example\" = \"none\"}",
          "denied_domains: missing managed denied_domains entries (allowed [\"m.example\"])"},
         {"allow_unix_sockets = [\"/a\"]", "allow_unix_sockets = [\"/a\", \"/A\"]",
          "allow_unix_sockets: \"/A\" (allowed subset of managed allow_unix_sockets [\"/a\"])"},
         {"unix_sockets = {}", "unix_sockets = {\"/a\" = \"allow\"}",
          "allow_unix_sockets: \"/a\" (allowed subset of managed allow_unix_sockets [])"},
         {"enable_socks5 = false", "enable_socks5 = true", "enable_socks5: true (allowed false"},
         {"enable_socks5_udp = false", "enable_socks5_udp = true",
          "enable_socks5_udp: true (allowed false"},
         {"mitm = false", "mitm = true", "mitm.enabled: true (allowed false"},
         {"mitm = false", "mitm = {enabled = true, inspect = true}",
          "mitm.enabled: true (allowed false"},
         {"mitm = {enabled = true, inspect = true}", "mitm = {inspect = false}",
          "mitm.inspect: false (allowed true (required by managed config))"},
         {"mitm = {enabled = true, inspect = true}", "mitm = false",
          "mitm.enabled: false (allowed true (managed config asks for mitm.inspect))"},
         {"mitm = {enabled = true, inspect = true}", "mitm.enabled = false",
          "mitm.enabled: false (allowed true"},
       }) {
    CAF_MESSAGE(managed << " under " << user);
    auto result = load_both(newer(managed + "\n"), newer(user + "\n"));
    CAF_CHECK(!result.config);
    CAF_CHECK(
      contains(told(result), "error: invalid value for permissions.dev.network." + message));
  }
}

CAF_TEST(users narrow what is managed) {
  struct row {
    std::string managed, user;
  };
  for (auto& [managed, user] : std::initializer_list<row>{
         {"enabled = true", "enabled = false"},
         {"mode = \"full\"", "mode = \"limited\""},
         {"mode = \"limited\"", "mode = \"limited\""},
         {"allow_local_binding = true", "allow_local_binding = true"},
         {"dangerously_allow_all_unix_sockets = true\nallow_unix_sockets = [\"/a\"]",
          "enabled = true"},
         {"allowed_domains = [\"**.m.example\"]",
          "allowed_domains = [\"a.m.example\", \"*.m.example\", \"m.example:443\"]"},
         {"allowed_domains = [\"m.example\"]", "allowed_domains = []"},
         {"allowed_domains = [\"m.example\"]", "enabled = true"},
         {"domains = {\"m.example\" = \"deny\"}", "allowed_domains = [\"anything.example\"]"},
         {"denied_domains = [\"m.example\"]", "denied_domains = [\"**.m.example\", \"x.example\"]"},
         {"denied_domains = [\"m.example\"]", "domains = {\"x.example\" = \"deny\"}"},
         {"allow_unix_sockets = [\"/a/b\", \"/c\"]", "allow_unix_sockets = [\"/a/./b\"]"},
         {"enable_socks5 = true", "enable_socks5 = false"},
         {"mitm = true", "mitm = {inspect = true}"},
         {"mitm = true", "mitm = false"}, // limited mode refuses what it cannot read
         {"mitm = {enabled = true, inspect = true}", "mitm = {max_body_bytes = 1}"},
         {"mitm = {enabled = true, inspect = true}", "mitm = true"},
       }) {
    CAF_MESSAGE(managed << " under " << user);
    auto result = load_both(newer(managed + "\n"), newer(user + "\n"));
    CAF_CHECK_EQUAL(told(result), std::string{});
    CAF_CHECK(result.config.has_value());
  }
}

CAF_TEST(users do not lift the lock that is managed) {
  struct row {
    std::string user, message; ///< "" where nothing is wrong.
  };
  for (auto& [user, message] : std::initializer_list<row>{
         {"{}", "none (allowed some of the managed socks_users)"},
         {"{a = \"env:B\"}", "a = \"env:B\" (allowed some"},
         {"{a = \"env:A\", c = \"env:A\"}", "c = \"env:A\" (allowed some"},
         {"{a = \"env:A\"}", ""},
       }) {
    CAF_MESSAGE(user);
    folder home;
    home.write("managed.toml",
               "[network_proxy]\nenabled = true\nsocks_users = {a = \"env:A\", b = \"env:B\"}\n");
    home.write("config.toml", "[network_proxy]\nenabled = true\nsocks_users = " + user + "\n");
    auto result = load(home.from({{"A", "x"}, {"B", "y"}}));
    CAF_CHECK_EQUAL(result.config.has_value(), message.empty());
    CAF_CHECK(contains(told(result), message));
  }
}

CAF_TEST(what the managed layer says of inspect is not to be lifted from anywhere) {
  folder home;
  home.write("managed.toml", newer("mitm = {enabled = true, inspect = true}\n"));
  home.write("config.toml", newer("enabled = true\n"));
  home.write("other.toml", "default_permissions = \"mine\"\n[permissions.mine.network]\nmitm = "
                           "{enabled = true, inspect = false}\n");
  CAF_CHECK(config_of(load(home.from())).mitm.inspect);
  auto from = home.from();
  from.sets = {"mitm.inspect = false"};
  CAF_CHECK(contains(told(load(from)), "mitm.inspect: false (allowed true"));
  from.sets = {"mitm.enabled = false"};
  CAF_CHECK(contains(told(load(from)), "mitm.enabled: false (allowed true"));
  from.sets = {"mitm = false"};
  CAF_CHECK(contains(told(load(from)), "mitm.enabled: false (allowed true"));
  from = home.from();
  from.files = {home.at("other.toml")};
  CAF_CHECK(contains(told(load(from)), "mitm.inspect: false (allowed true"));
  // The older layout binds whoever selects a profile.
  auto result = load_both("[network_proxy.mitm]\nenabled = true\ninspect = true\n",
                          newer("mitm = {enabled = true, inspect = false}\n"));
  CAF_CHECK(contains(told(result), "mitm.inspect: false (allowed true"));
}

CAF_TEST(what the managed layer says of the daemon as a lock stays) {
  struct row {
    std::string managed, user, message;
  };
  for (auto& [managed, user, message] : std::initializer_list<row>{
         {"audit.output = \"stderr\"", "audit.output = \"none\"",
          "network_proxy.audit.output: \"none\" (allowed the managed \"stderr\")"},
         {"audit.output = \"stderr\"", "audit.output = \"stderr\"", ""},
         {"admin_token_env = \"TOKEN\"", "admin_token_env = \"\"",
          "network_proxy.admin_token_env: \"\" (allowed the managed \"TOKEN\")"},
         {"workers = 1", "workers = 2", ""},
       }) {
    CAF_MESSAGE(managed << " under " << user);
    folder home;
    home.write("managed.toml", "[network_proxy]\n" + managed + "\n");
    home.write("config.toml", "[network_proxy]\n" + user + "\n");
    auto from = home.from();
    from.getenv = [](const std::string&) {
      return std::optional<std::string>{"s3cret-s3cret-s3cret"};
    };
    auto result = load(from);
    CAF_CHECK_EQUAL(result.config.has_value(), message.empty());
    CAF_CHECK(message.empty() || contains(told(result), message));
  }
}

CAF_TEST(a violation stands where the user wrote it) {
  auto result =
    load_both(newer("allowed_domains = [\"m.example\"]\nmode = \"limited\"\n"),
              newer("allowed_domains = [\n  \"m.example\",\n  \"x.example\"]\nmode = \"full\"\n"));
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK(result.problems[0].file.ends_with("config.toml"));
  CAF_CHECK_EQUAL(result.problems[0].line, 5u);
  CAF_CHECK_EQUAL(result.problems[0].column, 3u);
  CAF_CHECK_EQUAL(result.problems[1].line, 6u);
  CAF_CHECK_EQUAL(result.problems[1].key, std::string{"permissions.dev.network.mode"});
}

CAF_TEST(selecting another profile or layout does not lift what is managed) {
  auto managed = newer("mode = \"limited\"\nallowed_domains = [\"m.example\"]\n");
  auto result = load_both(
    managed, "default_permissions = \"mine\"\n[permissions.mine.network]\nmode = \"full\"\n"
             "allowed_domains = [\"x.example\"]\n");
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK(!result.config);

  result = load_both("[network_proxy]\nmode = \"limited\"\n[network_proxy.policy]\ndenied_domains "
                     "= [\"m.example\"]\n",
                     newer("mode = \"full\"\ndenied_domains = []\n"));
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK(!result.config);

  // What the user does not touch stays as managed.
  auto config = config_of(load_both(
    managed, "default_permissions = \"mine\"\n[permissions.mine.network]\nenabled = true\n"));
  CAF_CHECK_EQUAL(config.mode, policy::mode::limited);
  CAF_CHECK_EQUAL(texts(config.allowed_domains), strings{"m.example"});
}

CAF_TEST(who the managed layer says we are stays) {
  auto managed =
    newer("client_certificates = [{hosts = [\"*.corp.test\"], cert = \"/c.pem\", key = "
          "\"/c.key\"}]\n");
  CAF_CHECK_EQUAL(
    config_of(load_both(managed, newer("enabled = true\n"))).client_certificates.size(), 1u);
  CAF_CHECK(load_both(managed, managed).config.has_value());
  for (auto other :
       {"client_certificates = []\n",
        "client_certificates = [{hosts = [\"*.corp.test\"], cert = \"/mine.pem\", key = "
        "\"/c.key\"}]\n"}) {
    auto result = load_both(managed, newer(other));
    CAF_CHECK(!result.config);
    CAF_REQUIRE_EQUAL(result.problems.size(), 1u);
    CAF_CHECK_EQUAL(result.problems[0].key,
                    std::string{"permissions.dev.network.client_certificates"});
  }
}

CAF_TEST(a mode switched at run time obeys the managed layer) {
  auto user = newer("mode = \"limited\"\n");
  CAF_CHECK_EQUAL(config_of(load_both("", user, policy::mode::full)).mode, policy::mode::full);
  auto result = load_both(newer("mode = \"limited\"\n"), user, policy::mode::full);
  CAF_CHECK(!result.config);
  CAF_CHECK_EQUAL(
    told(result),
    std::string{"error: invalid value for permissions.dev.network.mode: full (allowed "
                "limited or more restrictive)\n"});
}

CAF_TEST(a mistake in the managed layer is told once) {
  auto result =
    load_both("default_permissions = \"dev\"\n[permissions.dev.network]\nmode = "
              "\"ful\"\n[network_proxy]\nworkers = -1\n",
              "default_permissions = \"mine\"\n[permissions.mine.network]\nenabled = true\n");
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK_EQUAL(result.problems[0].line, 3u);
  CAF_CHECK_EQUAL(result.problems[1].line, 5u);
}
