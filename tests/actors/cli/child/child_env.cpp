#define CAF_SUITE actors.cli.child.child_env
#include "actors/cli/child/child_env.hpp" // unit under test

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "actors/cli/child/java_options.hpp"
#include "actors/cli/dial.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;

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

/// A value that needs every kind of quoting.
const std::vector<variable> odd{{"A", "it's \"a\\b\" $x"}, {"B", ""}};

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

CAF_TEST(java keeps what the user told it) {
  constexpr std::string_view ours =
    "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=1 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1";
  struct row {
    std::string_view before, store, after;
  };
  for (auto& [before, store, after] : std::initializer_list<row>{
         {"", "", ""},
         {" \t", "", ""},
         {"-Dmine=1", "", "-Dmine=1 "},
         {"-Dmine='a  b'  -Xmx1g ", "", "-Dmine='a  b' -Xmx1g "},
         // What ours would overrule anyway, which is how ours of a proxy around us look.
         {"-Dhttps.proxyHost=corp -Da=1 -Dhttp.proxyPort=8 -Dhttp.nonProxyHosts=x", "", "-Da=1 "},
         // Ways past ours, and what another proxy wants to be told.
         {"-Dhttp.proxyPassword=p -DsocksProxyHost=s -Db -Djava.net.useSystemProxies=true", "",
          "-Db "},
         {"-Djavax.net.ssl.trustStore=/mine", "", "-Djavax.net.ssl.trustStore=/mine "},
         {"-Djavax.net.ssl.trustStore='/m y' -Dx", "/s", "-Dx "},
       }) {
    CAF_MESSAGE(before);
    auto expected = std::string{after} + std::string{ours};
    if (!store.empty())
      expected += " -Djavax.net.ssl.trustStore=/s -Djavax.net.ssl.trustStoreType=PKCS12 "
                  "-Djavax.net.ssl.trustStorePassword=changeit";
    CAF_CHECK_EQUAL(java_options(before, "http://u:p@127.0.0.1:1", store), expected);
    CAF_CHECK_EQUAL(java_options(expected, "http://127.0.0.1:1", store), expected);
  }
  auto odd_path = java_options("", "http://[::1]:1", "/a b/it's \"q\".p12");
  CAF_CHECK(odd_path.find("-Dhttp.proxyHost=[::1] ") != std::string::npos);
  CAF_CHECK(odd_path.find("trustStore=\"/a b/it's \"'\"'\"q\"'\"'\".p12\" ") != std::string::npos);
}

CAF_TEST(what java reads after ours does not overrule it) {
  CAF_CHECK(!without_our_settings("", true));
  CAF_CHECK(!without_our_settings("-Xmx1g -Djavax.net.ssl.trustStore=/a", false));
  CAF_CHECK(without_our_settings("-Xmx1g  -Djavax.net.ssl.trustStore='/a b' -Dx", true) ==
            "-Xmx1g -Dx");
  CAF_CHECK(without_our_settings("-Dhttps.proxyHost=corp", false) == "");
  CAF_CHECK(without_our_settings("\"-Dhttps.proxyHost=corp\" -Dx", false) == "-Dx");
  config::proxy_config config;
  auto all = variables_of("http://127.0.0.1:1", config,
                          with({{"MAVEN_OPTS", "-Dhttp.proxyHost=corp"}, {"GRADLE_OPTS", "-Dx"}}));
  CAF_CHECK_EQUAL(value_of(all, "MAVEN_OPTS"), "");
  CAF_CHECK_EQUAL(value_of(all, "GRADLE_OPTS"), "(unset)");
}

CAF_TEST(the trust store of a user of java is found) {
  CAF_CHECK(!java_trust_in("-Dx=1 -Djavax.net.ssl.trustStorePassword=p"));
  CAF_CHECK(java_trust_in("-Djavax.net.ssl.trustStore=/a") == java_trust{"/a", "changeit"});
  CAF_CHECK(java_trust_in("'-Djavax.net.ssl.trustStore=/a b' "
                          "-Djavax.net.ssl.trustStorePassword=\"p w\" -Dy") ==
            (java_trust{"/a b", "p w"}));
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

CAF_TEST(apt is told in its own language) {
  CAF_CHECK_EQUAL(apt_settings("http://127.0.0.1:1", "/b c.pem", "/etc/mine.conf"),
                  "#include \"/etc/mine.conf\";\n"
                  "Acquire::http::Proxy \"http://127.0.0.1:1\";\n"
                  "Acquire::https::Proxy \"http://127.0.0.1:1\";\n"
                  "Acquire::https::CaInfo \"/b c.pem\";\n");
  // No login in a file, and nothing that would end a string.
  CAF_CHECK_EQUAL(apt_settings("http://u:p@127.0.0.1:1", "", "/a\"; X \""), "");
}

CAF_TEST(a proxy is found in the variables and taken apart) {
  struct row {
    std::string_view text;
    std::optional<proxy_url> url;
  };
  for (auto& [text, url] : std::initializer_list<row>{
         {"http://127.0.0.1:3128", proxy_url{false, "127.0.0.1", 3128, "", ""}},
         {"HTTP://h/", proxy_url{false, "h", 80, "", ""}},
         {" h:1 ", proxy_url{false, "h", 1, "", ""}},
         {"socks5h://u%40:p%3a%@[::1]:9/x", proxy_url{true, "::1", 9, "u@", "p:%"}},
         {"socks5://u@h", proxy_url{true, "h", 1080, "u", ""}},
         {"https://h:1", std::nullopt},
         {"http://h:0", std::nullopt},
         {"http://h:65536", std::nullopt},
         {"http://h:", std::nullopt},
         {"http://", std::nullopt},
         {"", std::nullopt},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK(parse_proxy_url(text) == url);
  }
  CAF_CHECK_EQUAL(proxy_variable(nothing), "");
  CAF_CHECK_EQUAL(proxy_variable(with({{"https_proxy", "d"}, {"HTTPS_PROXY", "c"}})), "c");
  CAF_CHECK_EQUAL(proxy_variable(with({{"ALL_PROXY", " "}, {"all_proxy", "b"}})), "b");
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
  auto all = variables_of(url, config);
  CAF_CHECK_EQUAL(value_of(all, "HTTPS_PROXY"), url);
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_USERNAME"), "bob");
  CAF_CHECK_EQUAL(value_of(all, "CLOUDSDK_PROXY_PASSWORD"), "p@:/%\xe4");
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
         {"CODEX_NETWORK_PROXY_ATTRIBUTION=whose", true},
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
  const std::vector<variable> dotenv{
    {"A", "b"}, {"B", ""}, {"C", "/a b/c"}, {"D", "it's \"$x\" \\"}};
  CAF_CHECK_EQUAL(format_variables(dotenv, env_format::dotenv),
                  "A=b\nB=\nC='/a b/c'\nD=\"it's \\\"\\$x\\\" \\\\\"\n");
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
