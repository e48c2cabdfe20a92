#define CAF_SUITE actors.cli.daemon.check
// unit under test: actors/cli/daemon/check.cpp, by its command line

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using config::test::newer;

namespace {

struct fixture {
  config::test::folder home;

  command_end check(const std::string& text, std::vector<std::string> more = {}) {
    auto file = home.write("config.toml", text);
    std::vector<std::string> arguments{"--config", file, "check"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto got = run_command({arguments, {{"CODEX_HOME", home.at("home")}}});
    for (size_t at; (at = got.err.find(file)) != std::string::npos;)
      got.err.replace(at, file.size(), "FILE");
    return got;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(check_tests, fixture)

CAF_TEST(a good configuration is named and nothing is said) {
  auto got = check(newer("enabled = true\nallowed_domains = [\"good.example\"]\n"));
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, "");
  CAF_CHECK_EQUAL(got.out, "ok: " + home.at("config.toml") + '\n');
}

CAF_TEST(every problem is told with its place and a hint) {
  auto got = check(newer("enabled = \"yes\"\nallowed_domain = []\nmode = \"ful\"\n"
                         "allowed_domains = [\"ok.example\", \"10.0.0.1/8\"]\n"));
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK_EQUAL(got.out, "");
  for (const auto* words : {"FILE:3:11: error: permissions.dev.network.enabled", "FILE:4:1: ",
                            "did you mean allowed_domains", "FILE:5:8: ", "FILE:6:"}) {
    CAF_MESSAGE(words);
    CAF_CHECK(got.err.find(words) != std::string::npos);
  }
}

CAF_TEST(what is doubtful is warned of and is no error) {
  auto got =
    check(newer("enabled = true\nallowed_domains = [\"*.com\", \"a.test\", \"A.test.\"]\n"));
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(got.err.find("FILE:4:20: warning: ") != std::string::npos);
  CAF_CHECK(got.err.find("*.com") != std::string::npos);
  CAF_CHECK(got.out.starts_with("ok: "));
}

CAF_TEST(secrets that are not there are missed unless none is wanted) {
  auto text = newer("enabled = true\nallowed_domains = [\"a.test\"]\n") +
              "[network_proxy]\nadmin_token_file = \"/not/there\"\n"
              "socks_users = {alice = \"env:NOT_THERE\"}\n";
  auto got = check(text);
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK(got.err.find("/not/there") != std::string::npos);
  CAF_CHECK(got.err.find("env:NOT_THERE is not set or empty") != std::string::npos);
  got = check(text, {"--no-secrets"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, "codex-network-proxy: check: no secret was fetched\n");
  got = check(text + "nonsense = 1\n", {"--no-secrets"});
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK(got.err.find("nonsense") != std::string::npos);
}

CAF_TEST(its help lists the keys) {
  auto got = run_command({{"check", "--help"}});
  CAF_CHECK_EQUAL(got.code, 0);
  for (const auto* key : {"allowed_domains", "shutdown_grace", "max_header_fields"})
    CAF_CHECK(got.out.find(key) != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
