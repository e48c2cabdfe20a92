#define CAF_SUITE actors.cli.daemon.init
// unit under test: actors/cli/daemon/init.cpp, by its command line

#include "config/load.hpp"
#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/test.hpp"

#include <sys/stat.h>

using namespace proxy;
using namespace proxy::test;

namespace fs = std::filesystem;

namespace {

struct fixture {
  config::test::folder place;
  std::string home = place.at("home");

  command_end init(std::vector<std::string> more = {}) {
    more.insert(more.begin(), "init");
    return run_command({more, {{"CODEX_HOME", home}}});
  }
  std::string text_of(const std::string& path) {
    std::ifstream in{path};
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(init_tests, fixture)

CAF_TEST(a folder for keys is made for its owner alone and once) {
  for (int time = 0; time < 2; ++time) {
    auto got = init();
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.out, home + "/proxy\n");
    CAF_CHECK_EQUAL(got.err, "");
  }
  CAF_CHECK(fs::status(home + "/proxy").permissions() == fs::perms::owner_all);
  CAF_CHECK(!fs::exists(home + "/config.toml"));
}

CAF_TEST(a starter configuration is written that check accepts and is never replaced) {
  auto path = home + "/config.toml";
  auto got = init({"--write-config"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.out, home + "/proxy\n" + path + '\n');
  auto written = text_of(path);
  CAF_CHECK_EQUAL(written, config::starter_config());
  CAF_CHECK_EQUAL(run_command({{"check"}, {{"CODEX_HOME", home}}}).code, 0);
  std::ofstream{path} << "# mine\n";
  got = init({"--write-config"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, path + " exists and stays as it is\n");
  auto kept = text_of(path);
  CAF_CHECK_EQUAL(kept, "# mine\n");
}

CAF_TEST(a link that leads nowhere is of the user too) {
  fs::create_directories(home);
  fs::create_symlink("/not/there", home + "/config.toml");
  auto got = init({"--write-config"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, home + "/config.toml exists and stays as it is\n");
}

CAF_TEST(what cannot be made is named with the reason) {
  place.write("home", "a file\n");
  auto got = init();
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK_EQUAL(got.err,
                  "codex-network-proxy: cannot make " + home + "/proxy: Not a directory\n");
  CAF_CHECK_EQUAL(got.out, "");
}

CAF_TEST_FIXTURE_SCOPE_END()
