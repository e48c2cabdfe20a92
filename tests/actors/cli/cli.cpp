#define CAF_SUITE actors.cli.cli
#include "actors/cli/cli.hpp" // unit under test

#include "actors/version.hpp"
#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/test.hpp"

#include <sys/wait.h>
#include <unistd.h>

using namespace proxy;
using namespace proxy::cli;
using namespace proxy::test;

using words = std::vector<std::string>;

CAF_TEST(the version is one line whichever way it is asked for) {
  auto line = std::string{"codex-network-proxy "}.append(version) + '\n';
  for (auto& asked :
       {words{"version"}, words{"--version"}, words{"-V"}, words{"check", "--version"}}) {
    auto got = run_command({asked});
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.out, line);
    CAF_CHECK_EQUAL(got.err, "");
  }
}

CAF_TEST(help names every command and knows each of them) {
  auto all = run_command({{"help"}});
  CAF_CHECK_EQUAL(all.code, 0);
  CAF_CHECK_EQUAL(all.out, run_command({{"--help"}}).out);
  CAF_CHECK(all.out.find("78 bad configuration") != std::string::npos);
  for (const auto* name : {"serve", "init", "check", "explain", "env", "run", "connect", "trust",
                           "untrust", "version", "help"}) {
    CAF_MESSAGE(name);
    CAF_CHECK(all.out.find("\n  " + std::string{name} + ' ') != std::string::npos);
    auto one = run_command({{"help", name}});
    CAF_CHECK_EQUAL(one.code, 0);
    CAF_CHECK(one.out.find("codex-network-proxy " + std::string{name} + ' ') != std::string::npos);
    auto same = run_command({{name, "--help"}}).out;
    CAF_CHECK_EQUAL(one.out, same);
  }
  auto missed = run_command({{"help", "explian"}});
  CAF_CHECK_EQUAL(missed.code, 2);
  CAF_CHECK_EQUAL(missed.err, "codex-network-proxy: help: there is no command explian; did you "
                              "mean explain?\n");
  CAF_CHECK_EQUAL(run_command({{"help", "frobnicate"}}).err,
                  "codex-network-proxy: help: there is no command frobnicate\n");
}

CAF_TEST(only errors are printed where warnings are not wanted) {
  // In a process of its own, whose stderr is a file.
  config::test::folder home;
  auto said = [&](bool warnings_too) {
    auto path = home.at("said");
    auto pid = ::fork();
    if (pid == 0) {
      if (!std::freopen(path.c_str(), "w", stderr))
        ::_exit(1);
      config::problem warning, error;
      warning.level = config::problem::severity::warning;
      warning.message = "odd";
      error.file = "f.toml";
      error.line = 3;
      error.column = 1;
      error.message = "wrong";
      print_problems({warning, error}, warnings_too);
      ::_exit(0);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    CAF_CHECK_EQUAL(status, 0);
    std::ifstream in{path};
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  };
  CAF_CHECK_EQUAL(said(false), "f.toml:3:1: error: wrong\n");
  CAF_CHECK_EQUAL(said(true), "warning: odd\nf.toml:3:1: error: wrong\n");
}

CAF_TEST(a limit on descriptors is raised to the hard one and set back) {
  rlimit before{};
  CAF_REQUIRE_EQUAL(::getrlimit(RLIMIT_NOFILE, &before), 0);
  auto soft = [] {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur;
  };
  set_descriptor_limit(64);
  CAF_CHECK_EQUAL(soft(), 64u);
  CAF_CHECK_EQUAL(raise_descriptor_limit(), 64u);
  CAF_CHECK_EQUAL(soft(), before.rlim_max);
  set_descriptor_limit(0); // leaves it
  CAF_CHECK_EQUAL(soft(), before.rlim_max);
  set_descriptor_limit(before.rlim_cur);
  CAF_CHECK_EQUAL(soft(), before.rlim_cur);
}

CAF_TEST(a limit on core files goes no higher than the hard one) {
  rlimit before{};
  CAF_REQUIRE_EQUAL(::getrlimit(RLIMIT_CORE, &before), 0);
  auto soft = [] {
    rlimit now{};
    ::getrlimit(RLIMIT_CORE, &now);
    return now.rlim_cur;
  };
  CAF_CHECK_EQUAL(set_core_limit(0), before.rlim_cur);
  CAF_CHECK_EQUAL(soft(), 0u);
  CAF_CHECK_EQUAL(set_core_limit(RLIM_INFINITY), 0u);
  CAF_CHECK_EQUAL(soft(), before.rlim_max);
  (void)set_core_limit(before.rlim_cur);
}
