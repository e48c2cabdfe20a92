#define CAF_SUITE actors.cli_child_env
#include "actors/cli/child_env.hpp" // unit under test

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;

namespace {

std::string value_of(const std::vector<variable>& all, std::string_view name) {
  auto at = std::find_if(all.begin(), all.end(), [&](auto& v) { return v.name == name; });
  return at == all.end() ? "(unset)" : at->value;
}

/// A value that needs every kind of quoting.
const std::vector<variable> odd{{"A", "it's \"a\\b\" $x"}, {"B", ""}};

} // namespace

CAF_TEST(every tool finds the proxy under its name) {
  const std::string url = "http://127.0.0.1:3128";
  config::proxy_config config;
  auto all = child_variables(url, config);
  for (auto name : {"HTTP_PROXY",
                    "HTTPS_PROXY",
                    "http_proxy",
                    "https_proxy",
                    "YARN_HTTP_PROXY",
                    "YARN_HTTPS_PROXY",
                    "npm_config_http_proxy",
                    "npm_config_https_proxy",
                    "npm_config_proxy",
                    "NPM_CONFIG_HTTP_PROXY",
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
  config.allow_local_binding = true;
  all = child_variables(url, config);
  CAF_CHECK_EQUAL(value_of(all, "CODEX_NETWORK_ALLOW_LOCAL_BINDING"), "1");
  std::set<std::string> names;
  for (auto& v : all)
    CAF_CHECK(names.insert(v.name).second);
}

CAF_TEST(with interception every tool finds whom to trust) {
  config::proxy_config config;
  config.codex_home = "/home/u/.codex";
  config.mitm.enabled = true;
  auto all = child_variables("http://127.0.0.1:3128", config);
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
  all = child_variables("http://127.0.0.1:3128", config);
  CAF_CHECK_EQUAL(value_of(all, "NODE_EXTRA_CA_CERTS"), "/etc/own/ca.pem");
}

CAF_TEST(a url carries what a client has to show) {
  config::proxy_config config;
  std::string url = "http://127.0.0.1:3128";
  CAF_CHECK_EQUAL(log_in(url, config, ""), "");
  CAF_CHECK_EQUAL(url, "http://127.0.0.1:3128");
  CAF_CHECK(!log_in(url, config, "bob").empty());
  // Without a password here, and with a name that HTTP cannot carry.
  config.socks_users = {
    {"alice", "env:A", ""}, {"a:b", "env:A", "x"}, {"bob", "env:B", "p@:/%\xe4"}};
  CAF_CHECK(!log_in(url, config, "alice").empty());
  CAF_CHECK(!log_in(url, config, "a:b").empty());
  CAF_CHECK_EQUAL(log_in(url, config, ""), "");
  CAF_CHECK_EQUAL(url, "http://bob:p%40%3A%2F%25%E4@127.0.0.1:3128");
  config.mitm.enabled = true;
  auto all = child_variables(url, config);
  CAF_CHECK_EQUAL(value_of(all, "HTTPS_PROXY"), url);
  // Java prints its options and asks for credentials otherwise.
  CAF_CHECK(value_of(all, "JAVA_TOOL_OPTIONS")
              .rfind("-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128 ", 0) == 0);
}

CAF_TEST(what a client must not have is told by name by value and by its look) {
  config::proxy_config config;
  config.secret_variables = {"TOK"};
  config.admin_token = "long-enough";
  config.socks_users = {{"alice", "env:A", "short"}, {"bob", "file:x", "password-of-bob"}};
  policy::mitm_hook hook;
  policy::hook_injection injection;
  injection.prefix = "Bearer ";
  injection.value = policy::secret{"Bearer hook-secret"};
  hook.inject_request_headers.push_back(injection);
  config.mitm_hooks.push_back(hook);
  auto hidden = hidden_from_clients(config);
  struct row {
    std::string_view line;
    bool is_hidden;
  };
  for (auto& [line, is_hidden] : std::initializer_list<row>{
         {"TOK=", true},
         {"TOK", true},
         {"TOKEN=x", false},
         {"tok=x", false},
         {"CODEX_PROXY_ADMIN=http://127.0.0.1:1", true},
         {"ALIAS=long-enough", true},
         {"ALIAS=hook-secret", true},
         {"ALIAS=password-of-bob", true},
         {"ALIAS=short", false},
         {"ALIAS=x long-enough", false},
         {"ALIAS", false},
         {"ALIAS=", false},
         {"HTTP_PROXY=http://u:p@corp:8080", true},
         {"Rsync_Proxy=u:p@corp:8080", true},
         {"socks_proxy=socks5://corp:1080", false},
         {"MAIL=u@corp", false},
       }) {
    CAF_MESSAGE(line);
    CAF_CHECK_EQUAL(hidden.contain(line), is_hidden);
  }
  const char* inherited[] = {"PATH=/bin", "TOK=1", "TOK=2", "HTTP_PROXY=http://u:p@corp", nullptr};
  std::vector<variable> ours{{"TOK", "ours"}};
  CAF_CHECK_EQUAL(merged_environment(inherited, ours, hidden),
                  (std::vector<std::string>{"PATH=/bin", "TOK=ours"}));
}

CAF_TEST(clients are told an address they can reach) {
  struct row {
    config::listen_address listener;
    std::string_view url;
  };
  for (auto& [listener, url] : std::initializer_list<row>{
         {{"127.0.0.1", 3128, ""}, "http://127.0.0.1:3128"},
         {{"::1", 80, ""}, "http://[::1]:80"},
         {{"0.0.0.0", 3128, ""}, "http://127.0.0.1:3128"},
         {{"::", 3128, ""}, "http://[::1]:3128"},
         {{"127.0.0.1", 0, ""}, ""},
         {{"127.0.0.1", 1, "/run/proxy"}, ""},
       })
    CAF_CHECK_EQUAL(url_for_clients(listener).value_or(""), url);
}

CAF_TEST(each format quotes as its reader expects) {
  CAF_CHECK_EQUAL(format_variables(odd, env_format::sh),
                  "export A='it'\\''s \"a\\b\" $x'\nexport B=''\n");
  CAF_CHECK_EQUAL(format_variables(odd, env_format::fish),
                  "set -gx A 'it\\'s \"a\\\\b\" $x'\nset -gx B ''\n");
  CAF_CHECK_EQUAL(format_variables(std::vector<variable>{{"A", "b"}}, env_format::dotenv), "A=b\n");
  auto object = nlohmann::json::parse(format_variables(odd, env_format::json));
  CAF_CHECK_EQUAL(object["A"], odd[0].value);
  CAF_CHECK_EQUAL(object.size(), 2u);
  CAF_CHECK(env_format_named("fish") == env_format::fish);
  CAF_CHECK(!env_format_named("csh"));
}

CAF_TEST(our variables replace inherited ones) {
  const char* inherited[] = {"PATH=/bin", "HTTP_PROXY=http://corp:8080", "HTTP_PROXY_X=kept", "odd",
                             nullptr};
  std::vector<variable> ours{{"HTTP_PROXY", "http://127.0.0.1:1"}, {"NEW", ""}};
  CAF_CHECK_EQUAL(merged_environment(inherited, ours),
                  (std::vector<std::string>{"PATH=/bin", "HTTP_PROXY_X=kept", "odd",
                                            "HTTP_PROXY=http://127.0.0.1:1", "NEW="}));
}
