#define CAF_SUITE actors.control.policy.file_source
#include "actors/control/policy/file_source.hpp" // unit under test

#include <sys/stat.h>

#include <caf/send.hpp>
#include <filesystem>

#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using config::test::newer;

namespace {

struct fixture : test_coordinator_fixture<>, config::test::folder {
  fixture() {
    configure("");
    start({});
  }

  void configure(const std::string& lines) {
    write("config.toml",
          newer("enabled = true\n" + lines) + "\n[network_proxy]\nadmin_url = \"\"\n");
  }
  void start(std::map<std::string, std::string> env) {
    source =
      sys.spawn(file_source, file_source_start{from(std::move(env)), [this] { return addresses; }});
  }

  template <class T, class... Ts>
  T asked(Ts... xs) {
    T out;
    auto answer = self->request(source, std::chrono::seconds{10}, xs...);
    consume_messages();
    answer.receive([&](T& x) { out = std::move(x); },
                   [](const caf::error&) { CAF_FAIL("no answer"); });
    return out;
  }
  policy_delivery load(policy_wish wish = {}) { return asked<policy_delivery>(atom::load_v, wish); }

  machine_addresses_read addresses;
  policy_source_actor source;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(file_source_tests, fixture)

CAF_TEST(a document is what the files and the environment say at the moment) {
  start({{"HTTPS_PROXY", "http://p.test:8080"}, {"no_proxy", "direct.test"}});
  configure("allowed_domains = [\"a.example\"]");
  auto got = load();
  CAF_REQUIRE(got.document);
  CAF_CHECK_EQUAL(got.document->config.allowed_domains.at(0).text, "a.example");
  CAF_CHECK_EQUAL(got.document->around.proxies.https.at(0).value, "http://p.test:8080");
  CAF_CHECK_EQUAL(got.document->around.proxies.no_proxy, "direct.test");
  CAF_CHECK(got.document->around.trust);
  CAF_CHECK(!got.document->around.ca);
  configure("mode = \"limited\"\nallow_upstream_proxy = false");
  auto then = load();
  CAF_REQUIRE(then.document);
  CAF_CHECK(then.document->config.mode == policy::mode::limited);
  CAF_CHECK(then.document->around.proxies.https.empty());
}

CAF_TEST(what is wrong is delivered instead of a document) {
  struct row {
    std::string lines;
    std::string_view says;
  };
  for (auto& [lines, says] : std::initializer_list<row>{
         {"mode = \"ful\"", "ful"},
         {"allowed_domains = [\"*\"]", "*"},
         {"[network_proxy.audit]\noutput = \"file:/nowhere/at/all\"", "/nowhere/at/all"},
       }) {
    CAF_MESSAGE(lines);
    write("config.toml", newer("enabled = true\n" + lines + '\n'));
    auto got = load();
    CAF_CHECK(!got.document);
    CAF_REQUIRE(!got.problems.empty());
    CAF_CHECK(got.problems.back().str().find(says) != std::string::npos);
  }
}

CAF_TEST(what an audit trail is written to is looked at without waiting or leaving a file) {
  auto wanted = [&](const std::string& path) {
    write("config.toml",
          newer("enabled = true\n") + "[network_proxy]\naudit.output = \"file:" + path + "\"\n");
    return load();
  };
  CAF_CHECK(wanted(at("audit.log")).document);
  CAF_CHECK(!std::filesystem::exists(at("audit.log")));
  CAF_REQUIRE_EQUAL(::mkfifo(at("fifo").c_str(), 0600), 0);
  auto nobody_reads = wanted(at("fifo"));
  CAF_CHECK(!nobody_reads.document);
  CAF_REQUIRE(!nobody_reads.problems.empty());
  CAF_CHECK(nobody_reads.problems.back().str().find("cannot open") != std::string::npos);
}

CAF_TEST(a mode that was set at run time is kept as far as the managed layer allows) {
  CAF_CHECK(load({policy::mode::limited, config::mode_override::must_hold}).document->config.mode ==
            policy::mode::limited);
  write("managed.toml", newer("mode = \"limited\"\n"));
  CAF_CHECK(!load({policy::mode::full, config::mode_override::must_hold}).document);
  auto yields = load({policy::mode::full, config::mode_override::may_yield});
  CAF_REQUIRE(yields.document);
  CAF_CHECK(yields.document->config.mode == policy::mode::limited);
}

CAF_TEST(patterns of run time are kept and added as far as the managed layer allows) {
  policy_wish wish;
  wish.added.allowed = {"a.example"};
  wish.adds.allowed = {"b.example"};
  auto got = load(wish);
  CAF_REQUIRE(got.document);
  CAF_CHECK(got.document->config.added == (config::added_patterns{{"a.example", "b.example"}, {}}));
  write("managed.toml", newer("allowed_domains = [\"b.example\"]\n"));
  got = load(wish);
  CAF_REQUIRE(got.document);
  CAF_CHECK(got.document->config.added == (config::added_patterns{{"b.example"}, {}}));
  wish.adds.allowed = {"c.example"};
  CAF_CHECK(!load(wish).document);
}

CAF_TEST(addresses are those of the moment) {
  CAF_CHECK(!asked<machine_addresses_read>(atom::addresses_v));
  addresses = std::vector{ip_address::v4(0xCB007101)};
  CAF_CHECK(asked<machine_addresses_read>(atom::addresses_v) == addresses);
}

CAF_TEST_FIXTURE_SCOPE_END()
