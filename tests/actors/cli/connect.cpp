#define CAF_SUITE actors.cli.connect
// unit under test: actors/cli/connect.cpp, by its command line

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/test.hpp"

#include <csignal>

using namespace proxy;
using namespace proxy::test;

namespace {

std::string told(const std::string& words) {
  return "codex-network-proxy: connect: " + words + "\n";
}

} // namespace

CAF_TEST(misuse is told) {
  const auto named = told("name HOST and PORT, or --unix PATH; see connect --help");
  struct row {
    std::vector<std::string> arguments;
    std::string err;
  };
  for (auto& [arguments, err] : std::initializer_list<row>{
         {{"connect"}, named},
         {{"connect", "a.test", "1", "--unix", "/x"}, named},
         {{"connect", "a.test"}, told("PORT is missing")},
       }) {
    auto got = run_command({arguments});
    CAF_CHECK_EQUAL(got.code, 2);
    CAF_CHECK_EQUAL(got.err, err);
    CAF_CHECK_EQUAL(got.out, "");
  }
  for (const auto* port : {"0", "65536", "ssh"})
    CAF_CHECK_EQUAL(run_command({{"connect", "a.test", port}}).code, 2);
}

CAF_TEST(a proxy that cannot be taken for one is told without its password) {
  struct row {
    std::string variable, host, err;
  };
  for (auto& [variable, host, err] : std::initializer_list<row>{
         {"", "a.test", told("no proxy: ALL_PROXY is not set")},
         {"https://bob:secret@127.0.0.1:1", "a.test",
          told("ALL_PROXY is no URL with http:// or socks5h:// in front")},
         {"http://127.0.0.1:1", "no host", told("\"no host\" is no host")},
       }) {
    auto got = run_command({{"connect", host, "22"}, {{"ALL_PROXY", variable}}});
    CAF_CHECK_EQUAL(got.code, 1);
    CAF_CHECK_EQUAL(got.err, err);
  }
  auto port = std::to_string(closed_port());
  auto got = run_command({{"connect", "A.test.", "22"}, {{"ALL_PROXY", "127.0.0.1:" + port}}});
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK_EQUAL(got.err, told("A.test.:22: 127.0.0.1:" + port + ": Connection refused"));
}

CAF_TEST(bytes go both ways and the end of one side is passed on to the other) {
  std::string given(50'000, '\0');
  for (size_t i = 0; i < given.size(); ++i)
    given[i] = static_cast<char>(i * 7);
  for (const auto* name : {"ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"}) {
    CAF_MESSAGE(name);
    listening proxy;
    command_process connect{
      {{"connect", "A.test.", "22"}, {{name, "http://bob:x@" + proxy.address()}}, given}};
    auto client = proxy.accept();
    CAF_CHECK_EQUAL(client.read_until("\r\n\r\n"),
                    "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n"
                    "Proxy-Authorization: Basic Ym9iOng=\r\n\r\n");
    CAF_CHECK(client.send("HTTP/1.1 200 OK\r\n\r\nhello\n"));
    auto arrived = client.rest(); // ends with stdin, while the other direction goes on
    CAF_CHECK(arrived == given);
    CAF_CHECK(client.send(arrived + "bye"));
    client.close();
    auto got = connect.end();
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.err, "");
    CAF_CHECK(got.out == "hello\n" + given + "bye");
  }
}

CAF_TEST(a unix socket is reached without a proxy) {
  config::test::folder home;
  auto path = home.at("socket");
  auto gone = run_command({{"connect", "--unix", path}});
  CAF_CHECK_EQUAL(gone.code, 1);
  CAF_CHECK_EQUAL(gone.err, told(path + ": No such file or directory"));
  listening server{path};
  command_process connect{{{"connect", "--unix", path}, {{"ALL_PROXY", "nonsense"}}, "ping"}};
  auto client = server.accept();
  auto heard = client.rest();
  CAF_CHECK_EQUAL(heard, "ping");
  CAF_CHECK(client.send("pong"));
  client.close();
  auto got = connect.end();
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.out, "pong");
}

CAF_TEST(our own proxy lets through what is allowed and its refusal is told) {
  config::test::folder home;
  auto file = home.write("config.toml", config::test::newer("enabled = true\n"
                                                            "proxy_url = \"http://127.0.0.1:0\"\n"
                                                            "socks_url = \"http://127.0.0.1:0\"\n"
                                                            "allow_local_binding = true\n"
                                                            "allow_upstream_proxy = false\n"
                                                            "allowed_domains = [\"127.0.0.1\"]\n"));
  std::map<std::string, std::string> variables{{"CODEX_HOME", home.at("home")}};
  command_process daemon{
    {{"--config", file, "--set", "network_proxy.admin_url=\"\"", "serve"}, variables}};
  CAF_REQUIRE(daemon.says("msg=ready"));
  const std::pair<std::string, std::string> ways[] = {
    {"http://" + announced(daemon.err(), "http"), "refused.test:22: 403 Blocked by policy: "
                                                  "not_allowed refused.test: "},
    {"socks5h://" + announced(daemon.err(), "socks"),
     "refused.test:22: not allowed by the policy; its log and GET /blocked say why\n"},
  };
  for (const auto& [url, refusal] : ways) {
    CAF_MESSAGE(url);
    listening server;
    command_process connect{
      {{"connect", "127.0.0.1", std::to_string(server.port())}, {{"ALL_PROXY", url}}, "ping"}};
    auto client = server.accept();
    CAF_CHECK(client.send("SSH-2.0-scripted\r\n"));
    CAF_CHECK_EQUAL(client.rest(), "ping");
    client.close();
    auto got = connect.end();
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.out, "SSH-2.0-scripted\r\n");
    auto refused = run_command({{"connect", "refused.test", "22"}, {{"ALL_PROXY", url}}});
    CAF_CHECK_EQUAL(refused.code, 1);
    CAF_CHECK(refused.err.find(refusal) != std::string::npos);
    CAF_CHECK_EQUAL(refused.out, "");
  }
  daemon.signal(SIGTERM);
  CAF_CHECK_EQUAL(daemon.end().code, 0);
}
