#define CAF_SUITE actors.cli.arguments
#include "actors/cli/arguments.hpp" // unit under test

#include "tests/support/command.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;
using namespace proxy::test;

using words = std::vector<std::string>;

namespace {

/// A command line like ours: `run` takes a command, and there is an option for all and one for it.
struct some_app {
  some_app() {
    app.require_subcommand(0, 1);
    app.fallthrough();
    add_words(app, "--set", sets, "repeatable");
    app.add_flag("--loud", loud, "for all");
    auto* run = app.add_subcommand("run");
    run->add_option("--user", user, "of run");
    run->add_option("command", given, "of run");
    app.add_subcommand("check")->add_flag("--quick", quick, "of check");
  }
  CLI::App app{"some app"};
  words sets, given;
  std::string user;
  bool loud = false, quick = false;
};

} // namespace

CAF_TEST(the command of run begins behind the dashes or with the first word that is no option) {
  struct row {
    words arguments, left, command;
  };
  for (auto& [arguments, left, command] : std::initializer_list<row>{
         {{}, {}, {}},
         {{"run"}, {"run"}, {}},
         {{"run", "--"}, {"run"}, {}},
         {{"run", "--", "ls", "--", "-l"}, {"run"}, {"ls", "--", "-l"}},
         {{"run", "ls", "--user", "x", "--"}, {"run"}, {"ls", "--user", "x", "--"}},
         {{"run", "--user", "bob", "ls"}, {"run", "--user", "bob"}, {"ls"}},
         {{"run", "--user=bob", "ls"}, {"run", "--user=bob"}, {"ls"}},
         {{"run", "--set", "a=1", "ls"}, {"run", "--set", "a=1"}, {"ls"}},
         {{"--set", "run", "run", "--loud", "ls", "-l"},
          {"--set", "run", "run", "--loud"},
          {"ls", "-l"}},
         {{"run", "-", "x"}, {"run"}, {"-", "x"}},
         {{"run", "--mistyped", "ls"}, {"run", "--mistyped"}, {"ls"}},
         {{"check", "--", "run", "ls"}, {"check", "--", "run", "ls"}, {}},
         {{"--", "run", "ls"}, {"--", "run", "ls"}, {}},
         {{"mistyped", "run", "ls"}, {"mistyped", "run", "ls"}, {}},
       }) {
    some_app it;
    auto taken = arguments;
    auto got = take_command(it.app, taken);
    CAF_CHECK_EQUAL(got, command);
    CAF_CHECK_EQUAL(taken, left);
  }
}

CAF_TEST(a word of a repeated option stays as it is written) {
  some_app it;
  it.app.parse(words{"{}", "--set", "[a,b]", "--set"}); // the last first, as the library has it
  CAF_CHECK_EQUAL(it.sets, (words{"[a,b]", "{}"}));
}

CAF_TEST(a command is found by its name and a mistyped one by what is near) {
  some_app it;
  CAF_REQUIRE(find_command(it.app, "check"));
  CAF_CHECK_EQUAL(find_command(it.app, "check")->get_name(), "check");
  CAF_CHECK(!find_command(it.app, "chek"));
  CAF_CHECK_EQUAL(nearest_command(it.app, "chek"), "check");
  CAF_CHECK_EQUAL(nearest_command(it.app, "frobnicate"), "");
}

CAF_TEST(near misses are hinted and nothing is run) {
  struct row {
    words arguments;
    std::string hint;
  };
  for (auto& [arguments, hint] : std::initializer_list<row>{
         {{"chek"}, "chek: did you mean check?\n"},
         {{"chekc", "--config", "x"}, "chekc: did you mean check?\n"},
         {{"Check"}, "Check: did you mean check?\n"},
         {{"rnu", "--", "ls"}, "rnu: did you mean run?\n"},
         {{"untrsut"}, "untrsut: did you mean untrust?\n"},
         {{"--confg", "x", "check"}, "--confg: did you mean --config?\n"},
         {{"check", "--no-secret"}, "--no-secret: did you mean --no-secrets?\n"},
         {{"explain", "--reslove=x=1.1.1.1", "http://x/"},
          "--reslove=x=1.1.1.1: did you mean --resolve?\n"},
         {{"--log-levle=warn", "check"}, "--log-levle=warn: did you mean --log-level?\n"},
       }) {
    auto got = run_command({arguments});
    CAF_CHECK_EQUAL(got.code, 2);
    CAF_CHECK(got.err.ends_with(hint));
    CAF_CHECK_EQUAL(got.out, "");
  }
  auto got = run_command({{"frobnicate"}});
  CAF_CHECK_EQUAL(got.code, 2);
  CAF_CHECK_EQUAL(got.err.find("did you mean"), std::string::npos);
}
