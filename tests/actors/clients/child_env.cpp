#define CAF_SUITE actors.clients.child_env
#include "actors/clients/child_env.hpp" // unit under test

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

std::string value_of(const std::vector<variable>& all, std::string_view name) {
  auto at = std::find_if(all.begin(), all.end(), [&](auto& v) { return v.name == name; });
  return at == all.end() ? "(unset)" : at->value;
}

/// A machine where nothing is set.
std::optional<std::string> nothing(const std::string&) { return std::nullopt; }

/// An environment of these variables.
config::environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional{at->second};
  };
}

std::vector<variable> variables_of(const std::string& url, const config::proxy_config& config,
                                   const config::environment& env = nothing) {
  return child_variables(url, config, usual_client_files(config), env);
}

} // namespace

CAF_TEST(every tool finds the proxy under its name) {
  const std::string url = "http://127.0.0.1:3128";
  config::proxy_config config;
  auto all = variables_of(url, config);
  for (auto name : {"HTTP_PROXY",
                    "HTTPS_PROXY",
                    "http_proxy",
                    "https_proxy",
                    "YARN_HTTP_PROXY",
                    "YARN_HTTPS_PROXY",
                    "npm_config_https_proxy",
                    "npm_config_proxy",
                    "NPM_CONFIG_HTTPS_PROXY",
                    "NPM_CONFIG_PROXY",
                    "BUNDLE_HTTP_PROXY",
                    "BUNDLE_HTTPS_PROXY",
                    "PIP_PROXY",
                    "DOCKER_HTTP_PROXY",
                    "DOCKER_HTTPS_PROXY",
                    "WS_PROXY",
                    "WSS_PROXY",
                    "ws_proxy",
                    "wss_proxy",
                    "ALL_PROXY",
                    "all_proxy",
                    "FTP_PROXY",
                    "ftp_proxy",
                    "CARGO_HTTP_PROXY",
                    "grpc_proxy"}) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(value_of(all, name), url);
  }
  for (auto name :
       {"NO_PROXY", "no_proxy", "npm_config_noproxy", "NPM_CONFIG_NOPROXY", "BUNDLE_NO_PROXY"})
    CAF_CHECK_EQUAL(value_of(all, name), "localhost,127.0.0.1,::1");
  CAF_CHECK_EQUAL(value_of(all, "NODE_USE_ENV_PROXY"), "1");
  CAF_CHECK_EQUAL(value_of(all, "ELECTRON_GET_USE_PROXY"), "true");
  CAF_CHECK_EQUAL(value_of(all, "CODEX_NETWORK_PROXY_ACTIVE"), "1");
  CAF_CHECK_EQUAL(value_of(all, "CODEX_NETWORK_ALLOW_LOCAL_BINDING"), "0");
  CAF_CHECK_EQUAL(value_of(all, "SSL_CERT_FILE"), "(unset)");
  // npm warns of names that it does not know.
  CAF_CHECK_EQUAL(value_of(all, "npm_config_http_proxy"), "(unset)");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_TYPE"), "http");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_ADDRESS"), "127.0.0.1");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_PORT"), "3128");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_USERNAME"), "(unset)");
  CAF_CHECK_EQUAL(value_of(all, "JAVA_TOOL_OPTIONS"),
                  "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128 -Dhttps.proxyHost=127.0.0.1 "
                  "-Dhttps.proxyPort=3128");
  config.allow_local_binding = true;
  all = variables_of(url, config);
  CAF_CHECK_EQUAL(value_of(all, "CODEX_NETWORK_ALLOW_LOCAL_BINDING"), "1");
  std::set<std::string> names;
  for (auto& v : all)
    CAF_CHECK(names.insert(v.name).second);
}

CAF_TEST(with interception every tool finds whom to trust) {
  config::proxy_config config;
  config.codex_home = "/home/u/.codex";
  config.mitm.enabled = true;
  auto all = variables_of("http://127.0.0.1:3128", config);
  for (auto name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO",
                    "npm_config_cafile", "PIP_CERT", "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE"}) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(value_of(all, name), "/home/u/.codex/proxy/ca-bundle.pem");
  }
  CAF_CHECK_EQUAL(value_of(all, "NODE_EXTRA_CA_CERTS"), "/home/u/.codex/proxy/ca.pem");
  CAF_CHECK_EQUAL(value_of(all, "JAVA_TOOL_OPTIONS"),
                  "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128 -Dhttps.proxyHost=127.0.0.1 "
                  "-Dhttps.proxyPort=3128 "
                  "-Djavax.net.ssl.trustStore=/home/u/.codex/proxy/ca-bundle.p12 "
                  "-Djavax.net.ssl.trustStoreType=PKCS12 "
                  "-Djavax.net.ssl.trustStorePassword=changeit");
  config.mitm.ca_cert_path = "/etc/own/ca.pem";
  all = variables_of("http://127.0.0.1:3128", config);
  CAF_CHECK_EQUAL(value_of(all, "NODE_EXTRA_CA_CERTS"), "/etc/own/ca.pem");
}

CAF_TEST(what some versions of a tool refuse to know is set where the user has it) {
  config::proxy_config config;
  config.codex_home = "/home/u/.codex";
  config.mitm.enabled = true;
  auto all = variables_of("http://127.0.0.1:3128", config);
  for (auto name : {"YARN_HTTPS_CA_FILE_PATH", "YARN_CA_FILE_PATH", "HTTPLIB2_CA_CERTS"})
    CAF_CHECK_EQUAL(value_of(all, name), "(unset)");
  all = variables_of("http://127.0.0.1:3128", config, with({{"YARN_CA_FILE_PATH", "/corp.pem"}}));
  CAF_CHECK_EQUAL(value_of(all, "YARN_CA_FILE_PATH"), "/home/u/.codex/proxy/ca-bundle.pem");
  CAF_CHECK_EQUAL(value_of(all, "YARN_HTTPS_CA_FILE_PATH"), "(unset)");
}

CAF_TEST(what java reads after ours is set anew where it would overrule it) {
  config::proxy_config config;
  auto all = variables_of("http://127.0.0.1:1", config,
                          with({{"MAVEN_OPTS", "-Dhttp.proxyHost=corp"}, {"GRADLE_OPTS", "-Dx"}}));
  CAF_CHECK_EQUAL(value_of(all, "MAVEN_OPTS"), "");
  CAF_CHECK_EQUAL(value_of(all, "GRADLE_OPTS"), "(unset)");
}

CAF_TEST(git runs ssh through us unless the user has an ssh of their own) {
  config::proxy_config config;
  client_files files;
  files.ssh_command = ssh_through("/opt/a b%/proxy");
  CAF_CHECK_EQUAL(files.ssh_command,
                  R"(ssh -o 'ProxyCommand='\''/opt/a b%%/proxy'\'' connect %h %p')");
  auto ssh_of = [&](std::map<std::string, std::string> env) {
    return value_of(child_variables("http://127.0.0.1:1", config, files, with(std::move(env))),
                    "GIT_SSH_COMMAND");
  };
  CAF_CHECK_EQUAL(ssh_of({}), files.ssh_command);
  CAF_CHECK_EQUAL(ssh_of({{"GIT_SSH_COMMAND", ""}}), files.ssh_command);
  CAF_CHECK_EQUAL(ssh_of({{"GIT_SSH_COMMAND", ssh_through("/old/proxy")}}), files.ssh_command);
  // An inherited one stays, as all that we do not set does.
  CAF_CHECK_EQUAL(ssh_of({{"GIT_SSH_COMMAND", "ssh -i key"}}), "(unset)");
  CAF_CHECK_EQUAL(ssh_of({{"GIT_SSH", "plink"}}), "(unset)");
}

CAF_TEST(a login is told to those that take it) {
  config::proxy_config config;
  const std::string url = "http://bob:p%40%3A%2F%25%E4@127.0.0.1:3128";
  auto all = variables_of(url, config);
  CAF_CHECK_EQUAL(value_of(all, "HTTPS_PROXY"), url);
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_USERNAME"), "bob");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_PASSWORD"), "p@:/%\xe4");
  // Java prints its options and asks for credentials otherwise.
  CAF_CHECK(value_of(all, "JAVA_TOOL_OPTIONS")
              .rfind("-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128 ", 0) == 0);
}
