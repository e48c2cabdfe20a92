#define CAF_SUITE actors.cli.child.attached_summary
#include "actors/cli/child/attached_summary.hpp" // unit under test

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/test.hpp"

#include <csignal>
#include <sys/stat.h>

using namespace proxy;
using namespace proxy::test;

using words = std::vector<std::string>;

namespace {

std::string told(const std::string& what) { return "codex-network-proxy: run: " + what + "\n"; }

/// A daemon, and commands that run behind it.
struct fixture {
  fixture() { CAF_REQUIRE_EQUAL(::mkfifo(fifo.c_str(), 0600), 0); }

  /// @param daemon_lines  Below [network_proxy].
  void configure(const std::string& daemon_lines) {
    home.write("config.toml", config::test::newer("enabled = true\n"
                                                  "proxy_url = \"http://127.0.0.1:0\"\n"
                                                  "enable_socks5 = false\n"
                                                  "allow_upstream_proxy = false\n"
                                                  "allowed_domains = [\"a.test\"]\n") +
                                "[network_proxy]\n" + daemon_lines);
  }
  command_start starting(words arguments) const {
    arguments.insert(arguments.begin(), {"--config", home.at("config.toml")});
    return {arguments,
            {{"CODEX_HOME", home.at("codex")},
             {"HOME", home.at("user")},
             {"P", "password-of-bob"},
             {"Q", "password-of-al"},
             {"TOKEN", "a-long-admin-token"}}};
  }
  /// The same command line as the daemon's, but with the ports that it got.
  command_start attached(const std::string& log, words command) const {
    words arguments{"--set", "proxy_url=\"http://" + announced(log, "http") + '"'};
    if (auto admin = announced(log, "admin"); !admin.empty() && !admin.starts_with("unix"))
      arguments.insert(arguments.end(),
                       {"--set", "network_proxy.admin_url=\"http://" + admin + '"'});
    arguments.insert(arguments.end(), {"run", "--attach"});
    arguments.insert(arguments.end(), command.begin(), command.end());
    return starting(arguments);
  }
  /// A request for a page on port 80, whose answer is awaited.
  static void ask(const std::string& log, const std::string& host, const std::string& login = "") {
    auto client = connect_to(announced(log, "http"));
    CAF_CHECK(client.send("GET http://" + host + "/ HTTP/1.1\r\nHost: " + host + "\r\n" + login +
                          "Connection: close\r\n\r\n"));
    CAF_CHECK(client.rest().starts_with("HTTP/1.1 403 "));
  }
  void end(command_process& daemon) {
    daemon.signal(SIGTERM);
    CAF_CHECK_EQUAL(daemon.end().code, 0);
  }

  config::test::folder home;
  std::string fifo = home.at("fifo");
  words waits{"--", "sh", "-c", "echo $HTTP_PROXY; read x < '" + fifo + "'; exit 7"};
  // base64 of bob:password-of-bob, and of al:password-of-al
  std::string bob = "Proxy-Authorization: Basic Ym9iOnBhc3N3b3JkLW9mLWJvYg==\r\n";
  std::string al = "Proxy-Authorization: Basic YWw6cGFzc3dvcmQtb2YtYWw=\r\n";
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(attached_summary_tests, fixture)

CAF_TEST(what the daemon refused while the command ran is told whichever way it is asked) {
  auto token_file = home.write("token", "a-long-admin-token\n");
  ::chmod(token_file.c_str(), 0600);
  for (auto& lines :
       {std::string{"admin_url = \"http://127.0.0.1:0\"\n"},
        "admin_url = \"unix://" + home.at("admin.sock") + "\"\n",
        std::string{"admin_url = \"http://127.0.0.1:0\"\n"
                    "admin_token_env = \"TOKEN\"\n"},
        "admin_url = \"http://127.0.0.1:0\"\nadmin_token_file = \"" + token_file + "\"\n"}) {
    CAF_MESSAGE(lines);
    configure(lines);
    command_process daemon{starting({"serve"})};
    CAF_REQUIRE(daemon.says("msg=ready"));
    ask(daemon.err(), "before.test");
    command_process run{attached(daemon.err(), waits)};
    CAF_REQUIRE(run.prints("\n"));
    CAF_CHECK_EQUAL(run.out(), "http://" + announced(daemon.err(), "http") + '\n');
    for (const auto* host : {"refused.test", "other.test", "refused.test"})
      ask(daemon.err(), host);
    std::ofstream{fifo};
    auto got = run.end();
    CAF_CHECK_EQUAL(got.code, 7);
    CAF_CHECK_EQUAL(got.err, "codex-network-proxy: 3 requests were refused\n"
                             "  2 x GET refused.test:80 not_allowed\n"
                             "  1 x GET other.test:80 not_allowed\n"
                             "  (by the daemon, for all its clients)\n");
    end(daemon);
  }
}

CAF_TEST(where users are set only what is refused to this one counts) {
  configure(
    "admin_url = \"http://127.0.0.1:0\"\nsocks_users = {bob = \"env:P\", al = \"env:Q\"}\n");
  command_process daemon{starting({"serve"})};
  CAF_REQUIRE(daemon.says("msg=ready"));
  auto as_bob = waits;
  as_bob.insert(as_bob.begin(), {"--user", "bob"});
  command_process run{attached(daemon.err(), as_bob)};
  CAF_REQUIRE(run.prints("\n"));
  CAF_CHECK(run.out().starts_with("http://bob:password-of-bob@127.0.0.1:"));
  ask(daemon.err(), "of-bob.test", bob);
  ask(daemon.err(), "of-al.test", al);
  std::ofstream{fifo};
  CAF_CHECK_EQUAL(run.end().err, "codex-network-proxy: 1 request was refused\n"
                                 "  1 x GET of-bob.test:80 not_allowed\n");
  auto got = run_command(attached(daemon.err(), {"--user", "eve", "true"}));
  CAF_CHECK_EQUAL(got.code, 125);
  CAF_CHECK(got.err.find("eve") != std::string::npos);
  end(daemon);
}

CAF_TEST(nothing is said when nothing was refused) {
  configure("admin_url = \"http://127.0.0.1:0\"\n");
  command_process daemon{starting({"serve"})};
  CAF_REQUIRE(daemon.says("msg=ready"));
  ask(daemon.err(), "before.test");
  auto got = run_command(attached(daemon.err(), {"true"}));
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.err, "");
  end(daemon);
}

CAF_TEST(why there is no summary is told and the command has run all the same) {
  listening proxy; // somebody is there, and that will do
  auto port = std::to_string(closed_port());
  struct row {
    std::string admin_url, why;
  };
  for (auto& [admin_url, why] : std::initializer_list<row>{
         {"", "the admin API is off"},
         {"http://127.0.0.1:0", "the port of admin_url is chosen at start"},
         {"http://127.0.0.1:" + port, "127.0.0.1:" + port + ": Connection refused"},
       }) {
    configure("admin_url = \"" + admin_url + "\"\n");
    auto got = run_command(starting({"--set", "proxy_url=\"http://" + proxy.address() + '"', "run",
                                     "--attach", "--", "sh", "-c", "exit 7"}));
    CAF_CHECK_EQUAL(got.code, 7);
    CAF_CHECK_EQUAL(got.err, told("no summary of what was refused: " + why));
  }
}

CAF_TEST(an admin API that answers something else is told of by its status) {
  listening proxy;
  for (auto& [says, status] : {std::pair{"HTTP/1.1 401 Unauthorized\r\n\r\nwho?", "401"},
                               std::pair{"HTTP/1.1 200 OK\r\n\r\nnonsense", "200"},
                               std::pair{"HTTP/1.1 200 OK\r\n\r\n{\"blocked\": 1}", "200"}}) {
    listening api;
    configure("admin_url = \"http://" + api.address() + "\"\nadmin_token_env = \"TOKEN\"\n");
    command_process run{starting({"--set", "proxy_url=\"http://" + proxy.address() + '"', "run",
                                  "--attach", "--", "sh", "-c", "echo \"<$TOKEN>\""})};
    auto asked = api.accept();
    auto head = asked.read_until("\r\n\r\n");
    CAF_CHECK(head.starts_with("GET /blocked HTTP/1.1\r\n"));
    CAF_CHECK(head.find("Authorization: Bearer a-long-admin-token\r\n") != std::string::npos);
    CAF_CHECK(asked.send(says));
    asked.close();
    auto got = run.end();
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK_EQUAL(got.out, "<>\n"); // the token is not the command's
    CAF_CHECK_EQUAL(got.err, told("no summary of what was refused: the admin API answers " +
                                  std::string{status}));
  }
}

CAF_TEST(without a daemon there is nothing to run behind) {
  configure("admin_url = \"\"\n");
  auto port = std::to_string(closed_port());
  struct row {
    std::string url, why;
  };
  for (auto& [url, why] : std::initializer_list<row>{
         {"http://127.0.0.1:0", "--attach needs a proxy_url with a port"},
         {"http://127.0.0.1:" + port, "no daemon answers at http://127.0.0.1:" + port},
       }) {
    auto got =
      run_command(starting({"--set", "proxy_url=\"" + url + '"', "run", "--attach", "true"}));
    CAF_CHECK_EQUAL(got.code, 125);
    CAF_CHECK_EQUAL(got.err, told(why));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
