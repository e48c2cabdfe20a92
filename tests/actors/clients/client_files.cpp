#define CAF_SUITE actors.clients.client_files
#include "actors/clients/client_files.hpp" // unit under test

#include "actors/clients/proxy_settings.hpp"
#include "actors/control/policy/trust_files.hpp"
#include "config/home.hpp"
#include "tests/tls/support.hpp"

#include <map>
#include <unistd.h>

using namespace proxy;
using namespace proxy::test;

namespace fs = std::filesystem;

namespace {

const std::string url = "http://127.0.0.1:3128";

/// A user with a home, whose environment is `variables`, and a program that stands for git.
struct fixture {
  fixture() {
    fs::create_directories(folder / "user");
    fs::create_directories(folder / "bin");
    config.codex_home = folder / "codex";
    variables["HOME"] = folder / "user";
    // What this machine has for all its users is nothing to the test.
    variables["SYSTEM_WGETRC"] = folder / "wgetrc of the system";
    write(variables["SYSTEM_WGETRC"], "# nothing\n");
    git("exit 1");
    ::setenv("PATH", (folder / "bin:" + path).c_str(), 1);
  }
  ~fixture() {
    ::setenv("PATH", path.c_str(), 1);
    for (const auto& files : made) // one for apt may be outside our folder
      remove_client_files(files);
  }

  /// What `git config` does.
  void git(const std::string& does) const {
    write(folder / "bin/git", "#!/bin/sh\n" + does + '\n', 0755);
  }
  client_files make(const std::string& proxy_url = url) {
    notes.clear();
    auto env = [this](const std::string& name) {
      auto at = variables.find(name);
      return at == variables.end() ? std::nullopt : std::optional{at->second};
    };
    made.push_back(make_client_files(config, proxy_url, env, program, notes));
    return made.back();
  }
  /// All notes, one a line.
  [[nodiscard]] std::string noted() const {
    std::string out;
    for (const auto& note : notes)
      out += note + '\n';
    return out;
  }
  /// Makes somebody's CA. @returns its certificate.
  [[nodiscard]] std::string make_ca(const std::string& certificate) const {
    unbox(tls::authority::load_or_make({certificate, certificate + ".key"}, now()));
    return content_of(certificate);
  }
  /// From now on there is interception, with a CA.
  void intercept() {
    config.mitm.enabled = true;
    auto paths = ca_paths_of(config);
    unbox(tls::authority::load_or_make(paths, now()));
  }

  temp_folder folder;
  std::string path = std::getenv("PATH");
  config::proxy_config config;
  std::map<std::string, std::string> variables;
  std::string program = "/opt/proxy"; ///< Ours, to run ssh through.
  std::vector<std::string> notes;
  std::vector<client_files> made;
};

} // namespace

CAF_TEST(apt is told in its own language) {
  CAF_CHECK_EQUAL(apt_settings("http://127.0.0.1:1", "/b c.pem", "/etc/mine.conf"),
                  "#include \"/etc/mine.conf\";\n"
                  "Acquire::http::Proxy \"http://127.0.0.1:1\";\n"
                  "Acquire::https::Proxy \"http://127.0.0.1:1\";\n"
                  "Acquire::https::CaInfo \"/b c.pem\";\n");
  // No login in a file, and nothing that would end a string.
  CAF_CHECK_EQUAL(apt_settings("http://u:p@127.0.0.1:1", "", "/a\"; X \""), "");
}

CAF_TEST_FIXTURE_SCOPE(client_files_tests, fixture)

CAF_TEST(a user without settings has a file for apt alone) {
  auto files = make();
  CAF_CHECK_EQUAL(content_of(files.apt_file), "Acquire::http::Proxy \"" + url +
                                                "\";\nAcquire::https::Proxy \"" + url + "\";\n");
  CAF_CHECK_EQUAL(mode_of(files.apt_file), 0644u);
  CAF_CHECK(files.apt_file.starts_with(config.codex_home + "/proxy/apt-"));
  CAF_CHECK_EQUAL(files.bundle + files.added + files.java_store + files.wget_file +
                    files.curl_home + files.apt_bundle,
                  "");
  CAF_CHECK(files.git_proxy_keys.empty());
  CAF_CHECK_EQUAL(files.ssh_command, ssh_through(program));
  CAF_CHECK_EQUAL(noted(), "");
  remove_client_files(files);
  CAF_CHECK(!fs::exists(files.apt_file));
}

CAF_TEST(where there is no program of ours git is not told to run ssh through it) {
  program.clear();
  CAF_CHECK_EQUAL(make().ssh_command, "");
}

CAF_TEST(without a place of ours nothing is written) {
  config.codex_home.clear();
  write(folder / "user/.curlrc", "proxy = x\n");
  auto files = make();
  CAF_CHECK_EQUAL(files.apt_file + files.curl_home + files.wget_file, "");
  CAF_CHECK_EQUAL(noted(), "");
}

CAF_TEST(settings of Wget that lead past the proxy are left out of a file for its owner alone) {
  struct row {
    std::string own, kept;
  };
  for (auto& [own, kept] : std::initializer_list<row>{
         {"use_proxy = off\nuser_agent = mine\n", "user_agent = mine\n"},
         {"user_agent = mine\nHTTPS-Proxy = http://127.0.0.1:1/\n", "user_agent = mine\n"},
         {"noproxy=.test\n", ""},
         {std::string(300'000, '#'), ""}, // too large to be looked at
       }) {
    CAF_MESSAGE(own.substr(0, 60));
    write(folder / "user/.wgetrc", own);
    auto files = make();
    CAF_REQUIRE_NOT_EQUAL(files.wget_file, "");
    CAF_CHECK_EQUAL(content_of(files.wget_file), kept);
    CAF_CHECK_EQUAL(mode_of(files.wget_file), 0600u);
    CAF_CHECK(files.of_this_proxy.empty()); // it names no proxy
  }
  write(folder / "user/.wgetrc", "user_agent = mine\n");
  CAF_CHECK_EQUAL(make().wget_file, "");
  write(folder / "elsewhere", "use_proxy = off\nquiet = on\n");
  variables["WGETRC"] = folder / "elsewhere";
  CAF_CHECK_EQUAL(content_of(make().wget_file), "quiet = on\n");
}

CAF_TEST(what the whole system says of proxies to Wget is overruled) {
  write(variables["SYSTEM_WGETRC"], "https_proxy = http://127.0.0.1:1/\n");
  for (auto& [own, kept] : {std::pair{"", ""}, std::pair{"quiet = on", "quiet = on\n"}}) {
    write(folder / "user/.wgetrc", own);
    auto files = make();
    CAF_CHECK_EQUAL(content_of(files.wget_file), kept + wget_proxies(url));
    CAF_CHECK_EQUAL(files.of_this_proxy, std::vector{files.wget_file});
    remove_client_files(files);
    CAF_CHECK(!fs::exists(files.wget_file));
  }
}

CAF_TEST(the settings of curl that it finds first are kept and our proxy is behind them) {
  variables["CURL_HOME"] = folder / "curl";
  variables["XDG_CONFIG_HOME"] = folder / "xdg";
  // The last that curl would look at first.
  for (const auto* place :
       {"user/.config/curlrc", "user/.curlrc", "xdg/curlrc", "xdg/.curlrc", "curl/.curlrc"}) {
    CAF_MESSAGE(place);
    fs::create_directories(fs::path{folder / place}.parent_path());
    auto own = "user-agent = \"" + std::string{place} + "\"\nnoproxy = \"*\"\n";
    write(folder / place, own);
    auto files = make();
    CAF_REQUIRE_NOT_EQUAL(files.curl_home, "");
    auto file = files.curl_home + "/.curlrc";
    auto content = content_of(file);
    CAF_CHECK_EQUAL(content, curl_settings(own, url));
    CAF_CHECK(content.starts_with(own));
    CAF_CHECK_EQUAL(mode_of(file), 0600u);
    remove_client_files(files);
    CAF_CHECK(!fs::exists(files.curl_home));
  }
}

CAF_TEST(git is asked in the environment of the user and no more of it) {
  variables["GIT_CONFIG_NOSYSTEM"] = "1";
  variables["GIT_CONFIG_COUNT"] = "1";
  variables["GIT_CONFIG_KEY_0"] = "a.b";
  variables["GIT_CONFIG_VALUE_0"] = "c";
  variables["SECRET"] = "hunter2";
  git("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort >'" + (folder / "seen") +
      "'\necho \"$@\" >>'" + (folder / "seen") +
      "'\nprintf 'http.proxy\\n\\0remote.origin.proxy\\nhttp://127.0.0.1:1\\0'");
  auto files = make();
  CAF_CHECK_EQUAL(files.git_proxy_keys,
                  (std::vector<std::string>{"http.proxy", "remote.origin.proxy"}));
  CAF_CHECK(!files.ssh_command.empty());
  CAF_CHECK_EQUAL(content_of(folder / "seen"),
                  "GIT_CONFIG_COUNT=1\nGIT_CONFIG_KEY_0=a.b\nGIT_CONFIG_NOSYSTEM=1\n"
                  "GIT_CONFIG_VALUE_0=c\nHOME=" +
                    (folder / "user") + "\nconfig -z --get-regexp " + git_keys + '\n');
  git("printf 'core.sshcommand\\nssh -i key\\0'");
  CAF_CHECK_EQUAL(make().ssh_command, "");
}

CAF_TEST(the file for apt names that of the user also where it stands in its place already) {
  variables["APT_CONFIG"] = "/etc/my apt.conf";
  auto files = make();
  auto content = content_of(files.apt_file);
  CAF_CHECK(content.starts_with("#include \"/etc/my apt.conf\";\n"));
  variables["APT_CONFIG"] = files.apt_file;
  auto again = make();
  CAF_CHECK_EQUAL(again.apt_file, files.apt_file);
  write(files.apt_file, "Acquire::http::Proxy \"x\";\n", 0644);
  CAF_CHECK_EQUAL(content_of(make().apt_file).find("#include"), std::string::npos);
}

CAF_TEST(before there is a CA clients are told of the files that the daemon will make) {
  config.mitm.enabled = true;
  auto files = make();
  auto usual = bundle_paths_of(config);
  CAF_CHECK_EQUAL(files.bundle, usual.pem);
  CAF_CHECK_EQUAL(files.java_store, usual.java_store);
  CAF_CHECK_EQUAL(files.wget_file, usual.wget_file);
  CAF_CHECK_EQUAL(files.added, ca_paths_of(config).certificate);
  CAF_CHECK(!fs::exists(files.bundle));
  CAF_CHECK_EQUAL(noted(), "");
}

CAF_TEST(what the user trusts is in the bundle beside our CA) {
  intercept();
  auto own = content_of(ca_paths_of(config).certificate);
  auto usual = make();
  CAF_CHECK_EQUAL(usual.bundle, bundle_paths_of(config).pem);
  auto theirs = make_ca(folder / "theirs.pem");
  write(folder / "user/.wgetrc",
        "ca_certificate = \t" + (folder / "theirs.pem") + " \nquiet = on\n");
  auto by_wget = make();
  write(folder / "user/.wgetrc", "");
  for (const auto* name : {"", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"}) {
    CAF_MESSAGE("by " << name);
    if (*name)
      variables[name] = folder / "theirs.pem";
    auto files = *name ? make() : by_wget;
    auto bundle = content_of(files.bundle);
    CAF_CHECK_NOT_EQUAL(files.bundle, usual.bundle);
    CAF_CHECK(contains(bundle, theirs));
    CAF_CHECK(contains(bundle, own));
    CAF_CHECK_EQUAL(files.added, files.bundle);
    CAF_CHECK(fs::exists(files.java_store));
    CAF_CHECK_EQUAL(noted(), "");
    variables.erase(name);
  }
}

CAF_TEST(what a user trusts and cannot be read is told) {
  intercept();
  variables["PIP_CERT"] = "/nowhere/at all.pem";
  variables["JAVA_TOOL_OPTIONS"] = "-Djavax.net.ssl.trustStore=/nowhere/store.p12";
  auto files = make();
  CAF_CHECK_EQUAL(files.bundle, bundle_paths_of(config).pem);
  CAF_CHECK(contains(noted(), "PIP_CERT /nowhere/at all.pem"));
  CAF_CHECK(contains(noted(), "the trust store in JAVA_TOOL_OPTIONS /nowhere/store.p12"));
  variables["SSL_CERT_FILE"] = "/nowhere/roots.pem";
  files = make();
  CAF_CHECK_EQUAL(files.bundle, bundle_paths_of(config).pem);
  CAF_CHECK(contains(noted(), "what this environment trusts is left out: "));
  CAF_CHECK(contains(noted(), "/nowhere/roots.pem"));
}

CAF_TEST(Wget learns of the CA by a line behind the settings of the user and of no second one) {
  intercept();
  write(folder / "user/.wgetrc", "use_proxy = off\nquiet = on\n");
  auto files = make();
  auto expected = "quiet = on\n\nca_certificate = " + files.bundle + '\n';
  CAF_CHECK_EQUAL(content_of(files.wget_file), expected);
  variables["WGETRC"] = files.wget_file; // a proxy inside a proxy
  auto again = make();
  CAF_CHECK_EQUAL(again.wget_file, files.wget_file);
}

CAF_TEST(apt of root has a copy of the bundle that its own user can read) {
  intercept();
  variables["NODE_EXTRA_CA_CERTS"] = folder / "theirs.pem";
  (void)make_ca(folder / "theirs.pem");
  auto files = make();
  CAF_CHECK(contains(content_of(files.apt_file), "Acquire::https::CaInfo \"" + files.apt_bundle));
  if (::geteuid() != 0) {
    CAF_CHECK_EQUAL(files.apt_bundle, files.bundle);
    return;
  }
  CAF_REQUIRE_NOT_EQUAL(files.apt_bundle, files.bundle); // the folder of the test is closed
  CAF_CHECK_EQUAL(content_of(files.apt_bundle), "# 127.0.0.1:3128\n" + content_of(files.bundle));
  CAF_CHECK_EQUAL(mode_of(files.apt_bundle), 0644u);
  remove_client_files(files);
  CAF_CHECK(!fs::exists(files.apt_bundle));
}

CAF_TEST(what cannot be written is told and the rest is as it was) {
  write(config.codex_home, "a file where the folder should be\n");
  write(folder / "user/.wgetrc", "use_proxy = off\n");
  write(folder / "user/.curlrc", "proxy = x\n");
  auto files = make();
  CAF_CHECK_EQUAL(files.wget_file + files.curl_home + files.apt_file, "");
  for (const auto* words :
       {"Wget does not learn of the CA, and its settings may name another proxy: ",
        "curl's settings may name another proxy: ", "apt is not told of the proxy: "})
    CAF_CHECK(contains(noted(), words));
  CAF_CHECK(!files.ssh_command.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
