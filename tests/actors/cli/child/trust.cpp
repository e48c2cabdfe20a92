#define CAF_SUITE actors.cli.child.trust
// unit under test: actors/cli/child/trust.cpp, by its command line

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/tls/support.hpp"

using namespace proxy;
using namespace proxy::test;

namespace fs = std::filesystem;

namespace {

const std::string debian_file = "/usr/local/share/ca-certificates/codex-network-proxy.crt";

/// A machine of Debian's kind, whose programs only tell that they were called: nothing of this one
/// is changed.
struct fixture {
  fixture() {
    fs::create_directories(folder / "bin");
    fs::create_directories(folder / "user/.pki/nssdb");
    for (const auto* name : {"install", "update-ca-certificates", "certutil", "rm", "sh"})
      program(name, "exit 0");
  }
  void program(const std::string& name, const std::string& does) const {
    write(folder / "bin/" + name,
          "#!/bin/sh\necho \"" + name + " $*\" >>'" + (folder / "called") + "'\n" + does + '\n',
          0755);
  }
  command_end command(std::vector<std::string> arguments) const {
    return run_command(
      {std::move(arguments),
       {{"PATH", folder / "bin"}, {"CODEX_HOME", folder / "codex"}, {"HOME", folder / "user"}}});
  }
  std::string called() const { return content_of(folder / "called"); }

  temp_folder folder;
  std::string certificate = folder / "codex/proxy/ca.pem";
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(trust_tests, fixture)

CAF_TEST(the CA is made and given to whoever keeps certificates here) {
  write(folder / "user/.pki/nssdb/cert9.db", "");
  auto got = command({"trust"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.out, "");
  CAF_CHECK(contains(content_of(certificate), "BEGIN CERTIFICATE"));
  auto lines = "install -D -m 0644 " + certificate + ' ' + debian_file +
               "\nupdate-ca-certificates --fresh\ncertutil -d sql:" + (folder / "user") +
               "/.pki/nssdb -A -t C,, -n codex-network-proxy -i " + certificate + '\n';
  CAF_CHECK_EQUAL(called(), lines);
  std::string said;
  for (std::istringstream each{lines}; std::getline(each, said);)
    CAF_CHECK(contains(got.err, "+ " + said + '\n'));
}

CAF_TEST(it may be told what would be done and nothing is) {
  auto got = command({"trust", "--dry-run"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.out, "# makes the CA first: " + certificate + " and " + (folder / "codex") +
                             "/proxy/ca.key\ninstall -D -m 0644 " + certificate + ' ' +
                             debian_file + "\nupdate-ca-certificates --fresh\n");
  CAF_CHECK_EQUAL(got.err, "");
  CAF_CHECK(!fs::exists(folder / "codex"));
  CAF_CHECK_EQUAL(called(), "");
}

CAF_TEST(it is undone by the ways back) {
  auto got = command({"untrust", "--dry-run"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(got.out.starts_with("rm -f " + debian_file + "\nupdate-ca-certificates --fresh\n"));
  CAF_CHECK_EQUAL(called(), "");
  got = command({"untrust"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(called().starts_with("rm -f " + debian_file + "\nupdate-ca-certificates --fresh\n"));
}

CAF_TEST(a step that fails is the last and is named) {
  program("update-ca-certificates", "exit 3");
  write(folder / "user/.pki/nssdb/cert9.db", "");
  auto got = command({"trust"});
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK(contains(got.err, "codex-network-proxy: update-ca-certificates ended with 3"));
  CAF_CHECK(!contains(called(), "certutil"));
  fs::remove(folder / "bin/install");
  got = command({"trust"});
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK(contains(got.err, "install: No such file or directory\n"));
  CAF_CHECK(contains(got.err, "codex-network-proxy: install ended with 127"));
}

CAF_TEST(browsers are left out where there is no program for their stores) {
  write(folder / "user/.pki/nssdb/cert9.db", "");
  fs::remove(folder / "bin/certutil");
  auto got = command({"trust", "--dry-run"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, "codex-network-proxy: Chromium and Firefox are left out: there is no "
                           "certutil (package libnss3-tools)\n");
  CAF_CHECK(!contains(got.out, "certutil"));
}

CAF_TEST(a bad configuration and a CA that cannot be used are told) {
  for (const auto* name : {"trust", "untrust"}) {
    auto got = command({name, "--set", "nonsense=1"});
    CAF_CHECK_EQUAL(got.code, 78);
    CAF_CHECK(contains(got.err, "nonsense"));
  }
  fs::create_directories(folder / "codex/proxy");
  write(certificate, "no certificate\n", 0644);
  for (const auto* how : {"--log-level=off", "--dry-run"}) {
    auto got = command({"trust", how});
    CAF_CHECK_EQUAL(got.code, 78);
    CAF_CHECK(contains(got.err, folder / "codex/proxy/ca."));
    CAF_CHECK_EQUAL(got.out, "");
  }
  CAF_CHECK_EQUAL(called(), "");
}

CAF_TEST(the CA of the configuration is the one that counts and no secret is wanted for it) {
  write(folder / "config.toml",
        config::test::newer("enabled = true\n[permissions.dev.network.mitm]\nenabled = true\n"
                            "ca_cert_path = \"own.pem\"\nca_key_path = \"own.key\"\n") +
          "[network_proxy]\nadmin_token_env = \"NOT_THERE\"\n");
  auto got = command({"--config", folder / "config.toml", "trust"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(contains(content_of(folder / "own.pem"), "BEGIN CERTIFICATE"));
  CAF_CHECK(called().starts_with("install -D -m 0644 " + (folder / "own.pem") + ' '));
}

CAF_TEST_FIXTURE_SCOPE_END()
