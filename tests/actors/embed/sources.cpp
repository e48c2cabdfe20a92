#define CAF_SUITE actors.embed.sources
#include "actors/embed/builder_impl.hpp" // unit under test

#include <algorithm>
#include <cstdlib>

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::embed;
using codex::network_config;
using config::test::config_of;
using config::test::newer;
using config::test::strings;
using config::test::texts;
using said_to_builder = codex::network_proxy::builder::impl;

namespace {

/// What is effective of what was said to a builder, in a home of its own.
struct fixture : config::test::folder {
  [[nodiscard]] environment_ptr environment() const {
    return std::make_shared<environment_values>(environment_values::map{{"CODEX_HOME", at("")}});
  }
  [[nodiscard]] config::loaded load(const said_to_builder& said) const {
    auto from = sources_of(said, environment());
    from.managed_file = at("managed.toml");
    return config::load(from);
  }
  [[nodiscard]] config::proxy_config effective(const said_to_builder& said) const {
    return config_of(load(said));
  }
  [[nodiscard]] config::proxy_config effective(network_config values) const {
    said_to_builder said;
    said.values = std::move(values);
    return effective(said);
  }
};

std::string address(const config::listen_address& at) {
  return at.ip + ':' + std::to_string(at.port);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(sources_tests, fixture)

CAF_TEST(every value of a configuration comes to be) {
  auto set = effective({.enabled = true,
                        .mode = codex::network_mode::limited,
                        .allowed_domains = {"a.test", "*.b.test:443"},
                        .denied_domains = {"c.test"},
                        .allow_local_binding = true,
                        .allow_upstream_proxy = false,
                        .enable_socks5 = false,
                        .enable_socks5_udp = false,
                        .mitm = true});
  CAF_CHECK(set.enabled && set.allow_local_binding && set.mitm.enabled);
  CAF_CHECK(!set.allow_upstream_proxy && !set.enable_socks5 && !set.enable_socks5_udp);
  CAF_CHECK(set.mode == policy::mode::limited);
  CAF_CHECK(texts(set.allowed_domains) == (strings{"a.test", "*.b.test:443"}));
  CAF_CHECK(texts(set.denied_domains) == strings{"c.test"});
  CAF_CHECK(!effective({.enabled = false}).enabled);
}

CAF_TEST(a value that is not set is at its default) {
  auto set = effective(network_config{});
  config::proxy_config plain;
  CAF_CHECK(set.enabled);
  CAF_CHECK(set.mode == plain.mode);
  CAF_CHECK(set.allowed_domains.empty() && set.denied_domains.empty());
  CAF_CHECK_EQUAL(set.allow_local_binding, plain.allow_local_binding);
  CAF_CHECK_EQUAL(set.allow_upstream_proxy, plain.allow_upstream_proxy);
  CAF_CHECK_EQUAL(set.enable_socks5, plain.enable_socks5);
  CAF_CHECK_EQUAL(set.enable_socks5_udp, plain.enable_socks5_udp);
  CAF_CHECK_EQUAL(set.mitm.enabled, plain.mitm.enabled);
}

CAF_TEST(what is nearer to the program wins) {
  const auto text = newer("enabled = false\nmode = \"limited\"\nallow_local_binding = true\n"
                          "allowed_domains = [\"toml.test\"]\n");
  network_config values{.toml = text};
  auto by_text = effective(values);
  CAF_CHECK(by_text.enabled); // a value always says so
  CAF_CHECK(by_text.mode == policy::mode::limited && by_text.allow_local_binding);
  CAF_CHECK(texts(by_text.allowed_domains) == strings{"toml.test"});

  values.mode = codex::network_mode::full;
  values.allow_local_binding = false;
  values.allowed_domains = {"value.test"};
  auto by_value = effective(values);
  CAF_CHECK(by_value.mode == policy::mode::full && !by_value.allow_local_binding);
  CAF_CHECK(texts(by_value.allowed_domains) == strings{"value.test"});

  said_to_builder said;
  said.values = values;
  said.sets = {"mode=\"full\"", "mode=\"limited\"", "allowed_domains=[\"set.test\"]"};
  auto by_set = effective(said);
  CAF_CHECK(by_set.mode == policy::mode::limited); // of two the last one
  CAF_CHECK(texts(by_set.allowed_domains) == strings{"set.test"});
}

CAF_TEST(values and files take the place of the configuration of the user) {
  write("config.toml",
        newer("enabled = true\nmode = \"limited\"\nallowed_domains = [\"user.test\"]\n"));
  said_to_builder said;
  CAF_CHECK(texts(effective(said).allowed_domains) == strings{"user.test"});
  CAF_CHECK(effective(said).mode == policy::mode::limited);

  said.values = network_config{};
  CAF_CHECK(effective(said).allowed_domains.empty());
  CAF_CHECK(effective(said).mode == policy::mode::full);

  said.values = std::nullopt;
  said.files = {write("one.toml", newer("enabled = true\nmode = \"limited\"\n"
                                        "allowed_domains = [\"one.test\"]\n")),
                write("two.toml", newer("allowed_domains = [\"two.test\"]\n"))};
  auto by_files = effective(said);
  CAF_CHECK(texts(by_files.allowed_domains) == strings{"two.test"}); // a later one wins
  CAF_CHECK(by_files.mode == policy::mode::limited);                 // they add up
  said.values = network_config{.allowed_domains = {"value.test"}};
  CAF_CHECK(texts(effective(said).allowed_domains) == strings{"value.test"});
}

CAF_TEST(the managed configuration bounds what a program says) {
  write("managed.toml", newer("mode = \"limited\"\n"));
  said_to_builder said;
  said.values = network_config{.mode = codex::network_mode::full};
  auto out = load(said);
  CAF_CHECK(!out.config);
  CAF_CHECK(!out.problems.empty());
}

CAF_TEST(listeners are where the program says and loopback) {
  struct row {
    bool managed;
    std::string said, http, socks;
  };
  for (auto& [managed, where, http, socks] : std::initializer_list<row>{
         {false, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"},
         {false, "127.0.0.1:4000", "127.0.0.1:4000", "127.0.0.1:4000"},
         {false, "0.0.0.0:4000", "127.0.0.1:4000", "127.0.0.1:4000"},
         {false, "192.0.2.1:4000", "127.0.0.1:4000", "127.0.0.1:4000"},
         {true, "127.0.0.1:4000", "127.0.0.1:0", "127.0.0.1:0"},
       }) {
    CAF_MESSAGE(where << (managed ? " managed" : ""));
    said_to_builder said;
    said.values = network_config{
      .toml =
        newer("proxy_url = \"http://127.0.0.1:5000\"\nsocks_url = \"http://127.0.0.1:5001\"\n")};
    said.sets = {"proxy_url=\"http://127.0.0.1:5002\""};
    said.http = said.socks = where;
    said.managed = managed;
    auto set = effective(said);
    CAF_CHECK_EQUAL(address(set.http), http);
    CAF_CHECK_EQUAL(address(set.socks), socks);
  }
  said_to_builder unsaid;
  unsaid.values = network_config{.toml = newer("proxy_url = \"http://127.0.0.1:5000\"\n")};
  CAF_CHECK_EQUAL(address(effective(unsaid).http), "127.0.0.1:5000");
  unsaid.managed = true;
  CAF_CHECK_EQUAL(address(effective(unsaid).http), "127.0.0.1:0");
  CAF_CHECK_EQUAL(address(effective(unsaid).socks), "127.0.0.1:0");
}

CAF_TEST(there is an admin API where the program says so alone) {
  write("config.toml", "[network_proxy]\nadmin_url = \"http://127.0.0.1:9000\"\n");
  said_to_builder said;
  CAF_CHECK(!effective(said).admin);
  said.admin = "127.0.0.1:0";
  CAF_REQUIRE(effective(said).admin);
  CAF_CHECK_EQUAL(address(*effective(said).admin), "127.0.0.1:0");
  said.admin = "0.0.0.0:9001";
  CAF_CHECK_EQUAL(address(*effective(said).admin), "127.0.0.1:9001");
}

CAF_TEST(an address that is none is a problem and nothing else) {
  for (const auto* where : {"", "nonsense", "127.0.0.1:99999", "127.0.0.1:1\"\nmode = \"full"}) {
    CAF_MESSAGE(where);
    said_to_builder said;
    said.values = network_config{};
    said.http = where;
    CAF_CHECK(!load(said).config);
  }
}

CAF_TEST(workers and log and deciders are as the program says) {
  said_to_builder said;
  said.values = network_config{};
  CAF_CHECK_EQUAL(effective(said).workers, 0u);
  CAF_CHECK_EQUAL(effective(said).log.level, "off"); // nobody takes it
  CAF_CHECK(!effective(said).somebody_decides);
  said.workers = 3;
  said.log = [](std::string_view) {};
  said.decide = [](const codex::policy_request&, const codex::decision_reply&) {};
  CAF_CHECK_EQUAL(effective(said).workers, 3u);
  CAF_CHECK_EQUAL(effective(said).log.level, "info");
  CAF_CHECK(effective(said).somebody_decides);
}

CAF_TEST(a pattern is a pattern and no way into the configuration) {
  for (const std::string pattern : {"a\"b\n", "a\"]\nmode = \"limited\"\nx = [\"", "a\\\"", "\x01",
                                    "\x7f", "\xff\xfe", "'''", "#", "a\tb", "", "\xe2\x80\xa8"}) {
    CAF_MESSAGE(pattern);
    said_to_builder said;
    said.values = network_config{.allowed_domains = {"fine.test"}, .denied_domains = {pattern}};
    auto out = load(said);
    CAF_CHECK(!out.config);
    auto about_it = std::ranges::any_of(out.problems, [](const config::problem& p) {
      return p.level == config::problem::severity::error &&
             p.key.find("denied_domains") != std::string::npos;
    });
    CAF_CHECK(about_it);
    if (!about_it)
      CAF_MESSAGE(config::test::told(out));
  }
}

CAF_TEST(the environment is a map that can be replaced) {
  auto all = std::make_shared<environment_values>(environment_values::map{{"A", "1"}, {"B", ""}});
  auto from = sources_of({}, all);
  CAF_CHECK(from.getenv("A") == "1");
  CAF_CHECK(from.getenv("B") == "");
  CAF_CHECK(!from.getenv("HOME")); // nothing of this process
  auto before = all->replace(
    std::make_shared<const environment_values::map>(environment_values::map{{"A", "2"}}));
  CAF_CHECK(before->at("A") == "1");
  CAF_CHECK(from.getenv("A") == "2");
  CAF_CHECK(!from.getenv("B"));
}

CAF_TEST(the environment of the process is copied as it is) {
  ::setenv("PROXY_TEST_SOURCES", "a=b", 1);
  auto all = copy_environment();
  ::unsetenv("PROXY_TEST_SOURCES");
  CAF_CHECK_EQUAL(all.at("PROXY_TEST_SOURCES"), "a=b");
  CAF_CHECK(!copy_environment().contains("PROXY_TEST_SOURCES"));
}

CAF_TEST_FIXTURE_SCOPE_END()
