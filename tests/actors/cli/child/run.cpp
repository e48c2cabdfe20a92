#define CAF_SUITE actors.cli.child.run
// unit under test: actors/cli/child/run.cpp, by its command line

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

struct fixture {
  fixture() { CAF_REQUIRE_EQUAL(::mkfifo(fifo.c_str(), 0600), 0); }

  command_start running(const words& more, std::map<std::string, std::string> variables = {}) {
    words arguments{"--config", file, "run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    variables.insert({{"CODEX_HOME", home.at("codex")}, {"HOME", home.at("user")}});
    return {arguments, variables};
  }
  /// The URL that a command tells first, which then waits until it is released.
  std::string url_of(command_process& run) {
    CAF_REQUIRE(run.prints("\n"));
    return run.out().substr(0, run.out().find('\n'));
  }
  void release() const { std::ofstream{fifo}; }

  config::test::folder home;
  std::string fifo = home.at("fifo");
  std::string wait = "read x < '" + fifo + "' || true";
  std::string settings = config::test::newer("enabled = true\n"
                                             "allow_local_binding = true\n"
                                             "allow_upstream_proxy = false\n"
                                             "allowed_domains = [\"127.0.0.1\"]\n") +
                         "[network_proxy]\n";
  std::string file = home.write("config.toml", settings);
};

std::string told(const std::string& what) { return "codex-network-proxy: run: " + what + "\n"; }

/// Asks the proxy of this URL for a page by its absolute name. @returns the head of the answer.
std::string get(const std::string& url, const std::string& target, const std::string& login = "") {
  auto client = connect_to(url);
  auto host = target.substr(7, target.find('/', 7) - 7);
  CAF_CHECK(client.send("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + login +
                        "Connection: close\r\n\r\n"));
  return client.read_until("\r\n\r\n");
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(run_tests, fixture)

CAF_TEST(a command has a proxy of its own and what that refused is told at the end) {
  command_process run{
    running({"--", "sh", "-c", "echo $HTTP_PROXY; " + wait + "; echo done; exit 7"})};
  auto url = url_of(run);
  CAF_CHECK(url.starts_with("http://127.0.0.1:"));
  listening origin;
  auto target = "http://" + origin.address() + "/page";
  {
    auto client = connect_to(url);
    CAF_CHECK(client.send("GET " + target + " HTTP/1.1\r\nHost: " + origin.address() +
                          "\r\nConnection: close\r\n\r\n"));
    auto upstream = origin.accept();
    CAF_CHECK(upstream.read_until("\r\n\r\n").starts_with("GET /page HTTP/1.1\r\n"));
    CAF_CHECK(upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"));
    CAF_CHECK(client.rest().ends_with("\r\n\r\npage"));
  }
  CAF_CHECK(get(url, "http://refused.test/").starts_with("HTTP/1.1 403 "));
  release();
  auto got = run.end();
  CAF_CHECK_EQUAL(got.code, 7);
  CAF_CHECK_EQUAL(got.out, url + "\ndone\n");
  CAF_CHECK_EQUAL(got.err, "codex-network-proxy: 1 request was refused\n"
                           "  1 x GET refused.test:80 not_allowed\n");
  CAF_CHECK(!connect_to(url)); // it has ended with the command
}

CAF_TEST(where users are set the command is one whose password nobody knew beforehand) {
  home.write("config.toml", settings + "socks_users = {bob = \"env:P\"}\n");
  command_process run{
    running({"sh", "-c", "echo $HTTP_PROXY; echo \"<$P>\"; " + wait}, {{"P", "password-of-bob"}})};
  auto url = url_of(run);
  CAF_REQUIRE(url.starts_with("http://run:"));
  auto password = url.substr(11, url.find('@') - 11);
  CAF_CHECK_EQUAL(password.size(), 32u);
  CAF_CHECK_EQUAL(password.find_first_not_of("0123456789abcdef"), std::string::npos);
  CAF_CHECK(get(url, "http://refused.test/").starts_with("HTTP/1.1 407 "));
  release();
  auto got = run.end();
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK_EQUAL(got.out, url + "\n<>\n"); // a password of others is nothing to a command
  CAF_CHECK_EQUAL(got.err, "");             // who is asked, answers: that is no refusal
}

CAF_TEST(it ends as its command does) {
  auto script = home.write("not-executable", "#!/bin/sh\n");
  struct row {
    words command;
    int code;
    std::string err;
  };
  for (auto& [command, code, err] : std::initializer_list<row>{
         {{"true"}, 0, ""},
         {{"--", "sh", "-c", "exit 7"}, 7, ""},
         {{"--", "sh", "-c", "kill -TERM $$"}, 128 + SIGTERM, ""},
         {{"no-such-command-anywhere"},
          127,
          told("no-such-command-anywhere: No such file or directory")},
         {{script}, 126, told(script + ": Permission denied")},
       }) {
    CAF_MESSAGE(command.back());
    // A folder that may not be looked into would count as one where the command may be.
    auto got = run_command(running(command, {{"PATH", "/usr/bin:/bin"}}));
    CAF_CHECK_EQUAL(got.code, code);
    CAF_CHECK_EQUAL(got.err, err);
  }
}

CAF_TEST(words behind the command are its own) {
  struct row {
    words arguments;
    std::string out;
  };
  for (auto& [arguments, out] : std::initializer_list<row>{
         {{"--", "echo", "[1,2]", "--json", "--", "{}"}, "[1,2] --json -- {}\n"},
         {{"echo", "[1,2]", "--help", "++", "check"}, "[1,2] --help ++ check\n"},
         {{"--log-level", "warn", "echo", "--", "x"}, "-- x\n"},
         {{"--log-level=warn", "--", "echo", "--log-level"}, "--log-level\n"},
       })
    CAF_CHECK_EQUAL(run_command(running(arguments)).out, out);
}

CAF_TEST(signals are passed on to the command) {
  command_process run{running({"--", "sh", "-c", "echo up; exec cat '" + fifo + "'"})};
  CAF_REQUIRE(run.prints("up\n"));
  run.signal(SIGTERM);
  CAF_CHECK_EQUAL(run.end().code, 128 + SIGTERM);
}

CAF_TEST(what cannot be run is told) {
  struct row {
    words arguments;
    int code;
    std::string said;
  };
  for (auto& [arguments, code, said] : std::initializer_list<row>{
         {{}, 2, told("no command; see run --help")},
         {{"--"}, 2, told("no command; see run --help")},
         {{"--user", "bob", "true"}, 2, told("--user goes with --attach")},
         {{"--set", "enabled=false", "true"}, 125, told("the configuration says enabled = false")},
         {{"--set", "nonsense=1", "true"}, 125, told("cannot start the proxy")},
         {{"--attach", "--set", "nonsense=1", "true"}, 125, "nonsense"},
       }) {
    CAF_MESSAGE(said);
    auto got = run_command(running(arguments));
    CAF_CHECK_EQUAL(got.code, code);
    CAF_CHECK(got.err.find(said) != std::string::npos);
    CAF_CHECK_EQUAL(got.out, "");
  }
  auto fresh = run_command({{"run", "true"}, {{"CODEX_HOME", home.at("fresh")}}});
  CAF_CHECK_EQUAL(fresh.code, 125);
  CAF_CHECK(fresh.err.find("init --write-config") != std::string::npos);
}

CAF_TEST(a proxy that is lost is told as such whenever that happens) {
  for (const auto* name : {"audit", "policy_store", "listener_owner", "worker 1"}) {
    CAF_MESSAGE(name);
    auto how = running({"--set", "network_proxy.workers=2", "true"});
    how.can.watched = [&](const std::string& each, const caf::strong_actor_ptr& who) {
      if (each == name)
        caf::anon_send_exit(caf::actor_cast<caf::actor>(who), caf::exit_reason::kill);
    };
    auto got = run_command(how);
    // It may be noticed at each of these moments; the log's last lines may come behind.
    auto says = [&](const char* what) { return got.err.find(told(what)) != std::string::npos; };
    auto before = says("cannot start the proxy") || says("the proxy failed before the command ran");
    auto meanwhile = says("the proxy failed while the command ran");
    CAF_CHECK_EQUAL(got.code, before ? 125 : 70);
    if (before == meanwhile)
      CAF_ERROR(name << ": exit " << got.code << ": " << got.err);
  }
}

CAF_TEST(files for clients go with the command) {
  std::filesystem::create_directories(home.at("user"));
  home.write("user/.curlrc", "proxy = http://127.0.0.1:1\nuser-agent = mine\n");
  auto got = run_command(
    running({"--", "sh", "-c", "cat \"$CURL_HOME/.curlrc\" \"$APT_CONFIG\"; echo $HTTP_PROXY"}));
  CAF_CHECK_EQUAL(got.code, 0);
  auto url = got.out.substr(got.out.rfind('\n', got.out.size() - 2) + 1);
  url.pop_back();
  CAF_CHECK(got.out.find("user-agent = mine\n") != std::string::npos);
  CAF_CHECK(got.out.find("\nproxy = \"" + url + "\"\n") != std::string::npos);
  CAF_CHECK(got.out.find("Acquire::http::Proxy \"" + url + "\";\n") != std::string::npos);
  size_t left = 0;
  for ([[maybe_unused]] const auto& each :
       std::filesystem::recursive_directory_iterator{home.at("codex/proxy")})
    ++left;
  CAF_CHECK_EQUAL(left, 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
