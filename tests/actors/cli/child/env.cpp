#define CAF_SUITE actors.cli.child.env
// unit under test: actors/cli/child/env.cpp, by its command line

#include "actors/control/policy/trust_files.hpp"
#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/tls/support.hpp"

#include <nlohmann/json.hpp>

using namespace proxy;
using namespace proxy::test;
using nlohmann::json;

namespace {

const std::string url = "http://127.0.0.1:3128";

struct fixture {
  command_end env(const std::vector<std::string>& more, const std::string& lines = "") {
    write(folder / "config.toml",
          config::test::newer("enabled = true\nallowed_domains = [\"a.test\"]\n") + lines);
    std::vector<std::string> arguments{"--config", folder / "config.toml", "env"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    variables["CODEX_HOME"] = folder / "codex";
    variables["HOME"] = folder / "user";
    return run_command({arguments, variables});
  }
  json told(const std::vector<std::string>& more, const std::string& lines) {
    auto got = env(more, lines);
    CAF_CHECK_EQUAL(got.code, 0);
    return json::parse(got.out);
  }
  temp_folder folder;
  std::map<std::string, std::string> variables;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(env_tests, fixture)

CAF_TEST(the variables are written as their reader expects) {
  for (auto& [format, line] : {std::pair{"sh", "export HTTP_PROXY='" + url + "'\n"},
                               std::pair{"fish", "set -gx HTTP_PROXY '" + url + "'\n"},
                               std::pair{"dotenv", "HTTP_PROXY=" + url + '\n'}}) {
    auto got = env({"--format", format});
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.err, "");
    CAF_CHECK(contains('\n' + got.out, '\n' + line));
  }
  CAF_CHECK_EQUAL(env({}).out, env({"--format", "sh"}).out);
  CAF_CHECK_EQUAL(told({"--format", "json"}, "")["HTTPS_PROXY"].get<std::string>(), url);
  CAF_CHECK_EQUAL(env({"--format", "yaml"}).code, 2);
}

CAF_TEST(a client is told whose name and password to show) {
  const std::string users = "[network_proxy]\nsocks_users = {al = \"env:Q\", bob = \"env:P\"}\n";
  auto got = env({}, users);
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK(got.err.starts_with("codex-network-proxy: env: "));
  CAF_CHECK_EQUAL(got.out, "");
  variables["P"] = "p@ss";
  CAF_CHECK_EQUAL(told({"--format", "json"}, users)["HTTP_PROXY"].get<std::string>(),
                  "http://bob:p%40ss@127.0.0.1:3128");
  variables["Q"] = "word";
  CAF_CHECK_EQUAL(told({"--format", "json"}, users)["HTTP_PROXY"].get<std::string>(),
                  "http://al:word@127.0.0.1:3128");
  CAF_CHECK_EQUAL(
    told({"--format", "json", "--user", "bob"}, users)["HTTP_PROXY"].get<std::string>(),
    "http://bob:p%40ss@127.0.0.1:3128");
  got = env({"--user", "eve"}, users);
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK(contains(got.err, "eve"));
}

CAF_TEST(a port that nobody knows yet cannot be told) {
  auto got = env({"--set", "proxy_url=\"http://127.0.0.1:0\""});
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK_EQUAL(got.err, "codex-network-proxy: the port of proxy_url is chosen at start: use "
                           "`run`, or give it a port\n");
  got = env({"--set", "nonsense=1"});
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK(contains(got.err, "nonsense"));
}

CAF_TEST(with interception clients are told whom to trust and a second time changes nothing) {
  // Where everybody may read the bundle, apt of root needs no copy of it elsewhere.
  for (const auto& path : {folder.path, folder / "codex", folder / "codex/proxy"}) {
    std::filesystem::create_directory(path);
    ::chmod(path.c_str(), 0755);
  }
  config::proxy_config config;
  config.codex_home = folder / "codex";
  config.mitm.enabled = true;
  auto ca = ca_paths_of(config);
  unbox(tls::authority::load_or_make(ca, now()));
  unbox(tls::authority::load_or_make({folder / "theirs.pem", folder / "theirs.key"}, now()));
  variables["NODE_EXTRA_CA_CERTS"] = folder / "theirs.pem";
  variables["PIP_CERT"] = "/nowhere.pem";
  auto got = env({"--format", "json", "--set", "mitm=true"});
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(contains(got.err, "codex-network-proxy: env: "));
  CAF_CHECK(contains(got.err, "PIP_CERT /nowhere.pem"));
  auto all = json::parse(got.out);
  auto bundle = content_of(all["SSL_CERT_FILE"].get<std::string>());
  CAF_CHECK(contains(content_of(all["APT_CONFIG"].get<std::string>()),
                     "Acquire::https::CaInfo \"" + all["SSL_CERT_FILE"].get<std::string>() + '"'));
  CAF_CHECK(contains(bundle, content_of(ca.certificate)));
  CAF_CHECK(contains(bundle, content_of(folder / "theirs.pem")));
  for (const auto& [name, value] : all.items())
    variables[name] = value.get<std::string>();
  auto again = env({"--format", "json", "--set", "mitm=true"});
  CAF_CHECK_EQUAL(again.code, 0);
  CAF_CHECK_EQUAL(again.err, ""); // PIP_CERT names the bundle by now
  CAF_CHECK_EQUAL(json::parse(again.out).dump(1), all.dump(1));
}

CAF_TEST_FIXTURE_SCOPE_END()
