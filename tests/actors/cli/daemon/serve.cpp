#define CAF_SUITE actors.cli.daemon.serve
// unit under test: actors/cli/daemon/serve.cpp, by its command line and its signals

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/test.hpp"

#include <csignal>
#include <sys/stat.h>

using namespace proxy;
using namespace proxy::test;

namespace {

struct fixture {
  config::test::folder home;
  std::string file = home.at("config.toml");

  static std::string settings(const std::string& grace = "60s",
                              const std::string& allowed = "127.0.0.1") {
    return config::test::newer("enabled = true\n"
                               "proxy_url = \"http://127.0.0.1:0\"\n"
                               "enable_socks5 = false\n"
                               "allow_local_binding = true\n"
                               "allow_upstream_proxy = false\n"
                               "allowed_domains = [\"" +
                               allowed + "\"]\n") +
           "[network_proxy]\nadmin_url = \"\"\nshutdown_grace = \"" + grace + "\"\n";
  }
  command_start serving(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--config", file});
    return {more, {{"CODEX_HOME", home.at("home")}}};
  }
  /// A client that has a tunnel to somebody who says nothing.
  peer tunnelled(const std::string& log) {
    auto client = connect_to(announced(log, "http"));
    auto target = origin.address();
    CAF_CHECK(client.send("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"));
    auto head = client.read_until("\r\n\r\n");
    CAF_CHECK(head.starts_with("HTTP/1.1 200 "));
    return client;
  }
  listening origin;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(serve_tests, fixture)

CAF_TEST(a daemon that cannot start says why and how it ended) {
  home.write("config.toml", settings());
  listening taken;
  auto url = "proxy_url=\"http://" + taken.address() + '"';
  struct row {
    std::vector<std::string> arguments;
    int code;
    std::string words;
  };
  for (auto& [arguments, code, words] : std::initializer_list<row>{
         {{"--set", "nonsense=1", "serve"}, 78, "nonsense"},
         {{"--set", "allowed_domains=[\"*\"]"}, 78, "allowed_domains"},
         {{"--set", url, "serve"}, 69, taken.address()},
       }) {
    CAF_MESSAGE(words);
    auto got = run_command(serving(arguments));
    CAF_CHECK_EQUAL(got.code, code);
    CAF_CHECK(got.err.find(words) != std::string::npos);
    CAF_CHECK_EQUAL(got.out, "");
  }
  auto got = run_command({{}, {{"CODEX_HOME", home.at("fresh")}}});
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK(got.err.find("init --write-config") != std::string::npos);
}

CAF_TEST(a signal to reload brings the new policy and one to end is obeyed) {
  home.write("config.toml", settings());
  command_process daemon{serving({"serve"})};
  CAF_REQUIRE(daemon.says("msg=ready generation=1"));
  auto target = origin.address();
  auto ask = [&] {
    auto client = connect_to(announced(daemon.err(), "http"));
    CAF_CHECK(client.send("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"));
    return client.read_until("\r\n").substr(0, 12);
  };
  CAF_CHECK_EQUAL(ask(), "HTTP/1.1 200");
  home.write("config.toml", settings("60s", "other.test"));
  daemon.signal(SIGHUP);
  CAF_REQUIRE(daemon.says("msg=reloaded generation=2"));
  CAF_CHECK_EQUAL(ask(), "HTTP/1.1 403");
  home.write("config.toml", "nonsense = [\n");
  daemon.signal(SIGHUP);
  CAF_REQUIRE(daemon.says("msg=reload_refused"));
  CAF_CHECK_EQUAL(ask(), "HTTP/1.1 403");
  daemon.signal(SIGINT);
  auto got = daemon.end();
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(got.err.find("msg=draining grace_ms=60000") != std::string::npos);
  CAF_CHECK(got.err.find("msg=stopped drained=true") != std::string::npos);
}

CAF_TEST(the audit file is opened again when told so) {
  auto audit = home.at("audit.log");
  home.write("config.toml",
             settings() + "[network_proxy.audit]\noutput = \"file:" + audit + "\"\n");
  command_process daemon{serving({"serve"})};
  CAF_REQUIRE(daemon.says("msg=ready"));
  std::filesystem::rename(audit, audit + ".1");
  daemon.signal(SIGUSR1);
  auto refused = connect_to(announced(daemon.err(), "http"));
  CAF_CHECK(refused.send("GET http://refused.test/ HTTP/1.1\r\nHost: refused.test\r\n"
                         "Connection: close\r\n\r\n"));
  CAF_CHECK(refused.rest().starts_with("HTTP/1.1 403"));
  daemon.signal(SIGTERM);
  CAF_CHECK_EQUAL(daemon.end().code, 0);
  CAF_CHECK(std::filesystem::exists(audit));
}

CAF_TEST(a second signal does not wait for what is under way) {
  home.write("config.toml", settings("10m"));
  command_process daemon{serving()};
  CAF_REQUIRE(daemon.says("msg=ready"));
  auto client = tunnelled(daemon.err());
  daemon.signal(SIGTERM);
  CAF_REQUIRE(daemon.says("msg=draining grace_ms=600000"));
  daemon.signal(SIGTERM);
  auto got = daemon.end();
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(got.err.find("msg=stopped drained=false") != std::string::npos);
  CAF_CHECK_EQUAL(client.rest(), "");
}

CAF_TEST(the grace ends by itself) {
  home.write("config.toml", settings("100ms"));
  command_process daemon{serving()};
  CAF_REQUIRE(daemon.says("msg=ready"));
  auto client = tunnelled(daemon.err());
  daemon.signal(SIGTERM);
  auto got = daemon.end();
  CAF_CHECK_EQUAL(got.code, 0);
  CAF_CHECK(got.err.find("msg=stopped drained=false") != std::string::npos);
}

CAF_TEST(a signal to end is heard while the configuration is read) {
  for (auto [number, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
    std::filesystem::remove(file);
    CAF_REQUIRE_EQUAL(::mkfifo(file.c_str(), 0600), 0);
    command_process daemon{serving({"serve"})};
    std::ofstream writer{file}; // waits for the reader, and then nothing comes
    daemon.signal(number);
    auto got = daemon.end();
    CAF_CHECK_EQUAL(got.code, 0);
    CAF_CHECK(got.err.find("msg=stopped detail=\"" + std::string{name} +
                           " while the configuration was read: nobody was served\"") !=
              std::string::npos);
  }
}

CAF_TEST(other signals wait while the configuration is read) {
  CAF_REQUIRE_EQUAL(::mkfifo(file.c_str(), 0600), 0);
  command_process daemon{serving({"serve"})};
  {
    std::ofstream writer{file};
    daemon.signal(SIGHUP);
    std::filesystem::rename(file, file + ".fifo");
    home.write("config.toml", settings()); // what the reload will read
    writer << settings();
  }
  CAF_CHECK(daemon.says("msg=reloaded generation=2"));
  daemon.signal(SIGTERM);
  CAF_CHECK_EQUAL(daemon.end().code, 0);
}

CAF_TEST(a daemon that loses a part of it ends with a code of its own) {
  home.write("config.toml", settings());
  auto how = serving({"serve"});
  how.can.watched = [](const std::string& name, const caf::strong_actor_ptr& who) {
    if (name == "audit")
      caf::anon_send_exit(caf::actor_cast<caf::actor>(who), caf::exit_reason::kill);
  };
  auto got = run_command(how);
  CAF_CHECK_EQUAL(got.code, 70);
  CAF_CHECK(got.err.find("msg=actor_lost actor=\"audit\" ") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
