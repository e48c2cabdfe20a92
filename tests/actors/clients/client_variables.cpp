#define CAF_SUITE actors.clients.client_variables
#include "actors/clients/client_variables.hpp" // unit under test

#include "actors/control/policy/trust_files.hpp"
#include "tests/tls/support.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using variables = std::map<std::string, std::string>;

const std::string url = "http://127.0.0.1:3128";
const std::string login_url = "http://bob:password-of-bob@127.0.0.1:3128";
const std::string program = "/opt/proxy";

struct fixture {
  fixture() { config.codex_home = folder / "codex"; }
  ~fixture() {
    for (const auto& told : all) // a file for apt may be outside our folder
      remove_client_files(told.files);
  }

  /// What becomes of these variables, with nothing of what this machine has for all its users.
  variables applied(variables env, const std::string& to = url,
                    const std::string& through = program) {
    env.emplace("GIT_CONFIG_NOSYSTEM", "1");
    env.emplace("SYSTEM_WGETRC", folder / "none");
    all.push_back(apply_to_environment(env, to, config, hidden, through));
    return env;
  }
  [[nodiscard]] const client_variables& told() const { return all.back(); }

  temp_folder folder;
  config::proxy_config config;
  hidden_variables hidden;
  std::vector<client_variables> all;
};

std::string value_of(const variables& env, const std::string& name) {
  auto at = env.find(name);
  return at == env.end() ? "(unset)" : at->second;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_variables_tests, fixture)

CAF_TEST(a child finds the proxy under every name that is agreed upon) {
  for (auto local_binding : {false, true})
    for (auto socks : {false, true}) {
      config.allow_local_binding = local_binding;
      config.enable_socks5 = socks;
      auto env = applied({});
      for (const auto* name :
           {"HTTP_PROXY", "HTTPS_PROXY", "YARN_HTTPS_PROXY", "npm_config_https_proxy",
            "npm_config_proxy", "NPM_CONFIG_HTTPS_PROXY", "BUNDLE_HTTP_PROXY", "BUNDLE_HTTPS_PROXY",
            "PIP_PROXY", "DOCKER_HTTP_PROXY", "DOCKER_HTTPS_PROXY", "WS_PROXY", "WSS_PROXY",
            "ws_proxy", "wss_proxy",
            // Not socks5h://, although SOCKS is there: clients without an extra package for it fail
            // on such a URL. The HTTP proxy carries all that they have.
            "ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy"}) {
        CAF_MESSAGE(name);
        CAF_CHECK_EQUAL(value_of(env, name), url);
      }
      // This host itself is reached directly in either case, and nothing else: private networks
      // that are listed here, as prefixes which not every client reads, would be out of the
      // policy's reach.
      for (const auto* name : {"NO_PROXY", "no_proxy", "npm_config_noproxy", "NPM_CONFIG_NOPROXY",
                               "BUNDLE_NO_PROXY"}) {
        CAF_MESSAGE(name);
        CAF_CHECK_EQUAL(value_of(env, name), "localhost,127.0.0.1,::1");
      }
      CAF_CHECK_EQUAL(value_of(env, "CODEX_NETWORK_ALLOW_LOCAL_BINDING"),
                      local_binding ? "1" : "0");
      CAF_CHECK_EQUAL(value_of(env, "CODEX_NETWORK_PROXY_ACTIVE"), "1");
    }
}

CAF_TEST(what a child had is replaced kept or gone on with) {
  // Where nothing is intercepted, nobody is told whom to trust.
  CAF_CHECK_EQUAL(value_of(applied({}), "SSL_CERT_FILE"), "(unset)");
  CAF_CHECK_EQUAL(value_of(applied({{"SSL_CERT_FILE", "/corp.pem"}}), "SSL_CERT_FILE"),
                  "/corp.pem");
  config.mitm.enabled = true;
  auto bundle = bundle_paths_of(config).pem;
  // By `connect`, which speaks to the HTTP proxy: it is there without SOCKS, and on every system.
  auto ssh = ssh_through(program);
  struct row {
    std::string name, before, after;
  };
  for (auto& [name, before, after] : std::initializer_list<row>{
         {"HTTP_PROXY", "http://corp:8080", url},
         {"NO_PROXY", "*", "localhost,127.0.0.1,::1"},
         {"SSL_CERT_FILE", "(unset)", bundle},
         {"BUNDLE_SSL_CA_CERT", "(unset)", bundle},
         {"npm_config_cafile", "(unset)", bundle},
         {"NPM_CONFIG_CAFILE", "(unset)", bundle},
         {"REQUESTS_CA_BUNDLE", "/corp.pem", bundle}, // which is in the bundle, where it can be
         {"PIP_CERT", "", bundle},
         {"GIT_SSH_COMMAND", "(unset)", ssh},
         {"GIT_SSH_COMMAND", ssh_through("/old/proxy"), ssh},
         {"GIT_SSH_COMMAND", "ssh -i key", "ssh -i key"},
         {"PATH", "/bin", "/bin"},
       }) {
    CAF_MESSAGE(name << " was " << before);
    auto env = applied(before == "(unset)" ? variables{} : variables{{name, before}});
    CAF_CHECK_EQUAL(value_of(env, name), after);
  }
}

CAF_TEST(git is told to run ssh through us only where there is a program for it) {
  CAF_CHECK_EQUAL(value_of(applied({}, url, ""), "GIT_SSH_COMMAND"), "(unset)");
  CAF_CHECK_EQUAL(
    value_of(applied({{"GIT_SSH_COMMAND", "ssh -i key"}}, url, ""), "GIT_SSH_COMMAND"),
    "ssh -i key");
}

CAF_TEST(our variables replace inherited ones) {
  auto env = applied({{"HTTP_PROXY", "http://corp:8080"}, {"HTTP_PROXY_X", "kept"}, {"EMPTY", ""}});
  CAF_CHECK_EQUAL(value_of(env, "HTTP_PROXY"), url);
  CAF_CHECK_EQUAL(value_of(env, "HTTP_PROXY_X"), "kept");
  CAF_CHECK_EQUAL(value_of(env, "EMPTY"), "");
  for (const auto& [name, value] : told().set) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(value_of(env, name), value);
  }
  CAF_CHECK(!told().set.contains("EMPTY"));
  CAF_CHECK(told().removed.empty());
}

CAF_TEST(what is hidden is removed unless ours takes its place) {
  config.admin_token = "token-of-admin";
  config.secret_variables = {"TOK", "UNSET"};
  config.socks_users = {{"bob", "env:TOK", "password-of-bob"}};
  hidden = hidden_from_clients(config, [](const std::string& name) {
    return name == "TOK" ? std::optional<std::string>{"value-of-tok"} : std::nullopt;
  });
  auto env = applied({{"TOK", "another"},
                      {"ALIAS", "value-of-tok"},
                      {"RSYNC_PROXY", "u:p@corp:8080"},
                      {"HTTPS_PROXY", "http://u:p@corp:8080"},
                      {"CLOUDSDK_PROXY_USERNAME", "u"},
                      {"PATH", "/bin"}});
  CAF_CHECK_EQUAL(told().removed, (std::vector<std::string>{"ALIAS", "CLOUDSDK_PROXY_USERNAME",
                                                            "RSYNC_PROXY", "TOK"}));
  for (const auto& name : told().removed)
    CAF_CHECK_EQUAL(value_of(env, name), "(unset)");
  CAF_CHECK_EQUAL(value_of(env, "HTTPS_PROXY"), url);
  CAF_CHECK_EQUAL(value_of(env, "PATH"), "/bin");
  // A login of ours is for the child, also where the same stands among the secrets.
  env = applied({{"CLOUDSDK_PROXY_USERNAME", "u"}}, login_url);
  CAF_CHECK_EQUAL(value_of(env, "CLOUDSDK_PROXY_USERNAME"), "bob");
  CAF_CHECK_EQUAL(value_of(env, "CLOUDSDK_PROXY_PASSWORD"), "password-of-bob");
  CAF_CHECK_EQUAL(value_of(env, "HTTP_PROXY"), login_url);
  CAF_CHECK(told().removed.empty());
}

CAF_TEST(a second time changes nothing) {
  config.mitm.enabled = true;
  config.socks_users = {{"bob", "env:TOK", "password-of-bob"}};
  hidden = hidden_from_clients(config, [](const std::string&) { return std::nullopt; });
  auto once = applied({{"JAVA_TOOL_OPTIONS", "-Dmine=1"}, {"PATH", "/bin"}}, login_url);
  auto twice = applied(once, login_url);
  CAF_CHECK(once == twice);
  CAF_CHECK(told().removed.empty());
}

CAF_TEST(files that name the proxy go when it is told to be no more) {
  auto env = applied({});
  auto file = value_of(env, "APT_CONFIG");
  CAF_CHECK(std::filesystem::exists(file));
  CAF_CHECK(told().notes.empty());
  remove_client_files(told().files);
  CAF_CHECK(!std::filesystem::exists(file));
}

CAF_TEST(what cannot be written is noted and all else is set) {
  write(config.codex_home, "a file where the folder should be\n");
  auto env = applied({});
  CAF_CHECK_EQUAL(value_of(env, "HTTP_PROXY"), url);
  CAF_CHECK_EQUAL(value_of(env, "APT_CONFIG"), "(unset)");
  CAF_REQUIRE_EQUAL(told().notes.size(), 1u);
  CAF_CHECK(told().notes[0].starts_with("apt is not told of the proxy: "));
}

CAF_TEST_FIXTURE_SCOPE_END()
