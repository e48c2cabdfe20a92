#define CAF_SUITE actors.cli.dial
#include "actors/cli/dial.hpp" // unit under test

#include "tests/actors/cli/talker.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

#include <map>

using namespace proxy;
using namespace proxy::cli;
using namespace proxy::test;

CAF_TEST(a proxy is read from a URL) {
  struct row {
    std::string_view text;
    proxy_url meant;
  };
  for (auto& [text, meant] : std::initializer_list<row>{
         {"http://proxy.test:3128", {false, "proxy.test", 3128, "", ""}},
         {"proxy.test", {false, "proxy.test", 80, "", ""}},
         {" HTTP://proxy.test/ ", {false, "proxy.test", 80, "", ""}},
         {"socks5h://proxy.test", {true, "proxy.test", 1080, "", ""}},
         {"socks5://proxy.test:1", {true, "proxy.test", 1, "", ""}},
         {"socks://[::1]:9050/x?y", {true, "::1", 9050, "", ""}},
         {"http://[::1]", {false, "::1", 80, "", ""}},
         {"http://bob:p%40ss@proxy.test:1", {false, "proxy.test", 1, "bob", "p@ss"}},
         {"http://bob@proxy.test", {false, "proxy.test", 80, "bob", ""}},
         {"http://b@b:x@proxy.test", {false, "proxy.test", 80, "b@b", "x"}},
         {"socks5h://u%40:p%3a%@[::1]:9/x", {true, "::1", 9, "u@", "p:%"}},
       }) {
    CAF_MESSAGE(text);
    auto read = parse_proxy_url(text);
    CAF_REQUIRE(read);
    CAF_CHECK(*read == meant);
  }
  for (auto text : {"", "http://", "https://proxy.test", "ftp://proxy.test", "http://proxy.test:0",
                    "http://proxy.test:65536", "http://proxy.test:", "http://proxy.test:1x",
                    "http://:80", "http://[::1]x:80", "http://[::1"}) {
    CAF_MESSAGE(text);
    CAF_CHECK(!parse_proxy_url(text));
  }
}

CAF_TEST(the variable of all traffic goes before that of HTTPS and what is blank is not set) {
  std::map<std::string, std::string> set;
  auto chosen = [&set] {
    return proxy_variable([&](const std::string& name) {
      auto at = set.find(name);
      return at == set.end() ? std::nullopt : std::optional{at->second};
    });
  };
  CAF_CHECK_EQUAL(chosen(), "");
  for (const auto* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    set[name] = name;
    CAF_CHECK_EQUAL(chosen(), name);
  }
  set["ALL_PROXY"] = " ";
  CAF_CHECK_EQUAL(chosen(), "all_proxy");
}

CAF_TEST(whoever is not reached is named with the reason) {
  auto port = closed_port();
  auto address = "127.0.0.1:" + std::to_string(port);
  auto why = [](const auto& result) { return result ? "reached" : context_of(result.error()); };
  CAF_CHECK_EQUAL(why(dial("127.0.0.1", port)), address + ": Connection refused");
  CAF_CHECK(why(dial(std::string(300, 'a'), 1)).starts_with(std::string(300, 'a') + ":1: "));
  CAF_CHECK(why(dial("::1", closed_port())).starts_with("[::1]:"));
  config::listen_address everywhere;
  everywhere.ip = "0.0.0.0";
  everywhere.port = port;
  CAF_CHECK_EQUAL(why(dial(everywhere)), address + ": Connection refused");
  everywhere.ip = "::";
  CAF_CHECK(why(dial(everywhere)).starts_with("[::1]:" + std::to_string(port) + ": "));
  proxy_url nobody{.host = "127.0.0.1", .port = port, .user = "", .password = ""};
  CAF_CHECK_EQUAL(why(open_tunnel(nobody, "a.test", 1)), address + ": Connection refused");
}

CAF_TEST(a unix socket is reached by its path) {
  config::test::folder home;
  auto path = home.at("socket");
  auto missing = dial_unix(path);
  CAF_CHECK_EQUAL(context_of(missing.error()), path + ": No such file or directory");
  auto longer = dial_unix(home.at(std::string(200, 'x')));
  CAF_CHECK(context_of(longer.error()).ends_with(": the path is too long for a socket"));
  listening daemon{path};
  config::listen_address listener;
  listener.path = path;
  auto socket = unbox(dial(listener));
  auto taken = daemon.accept();
  CAF_CHECK(send_all(socket.get(), "hello"));
  socket = owned_socket{}; // closes it
  CAF_CHECK_EQUAL(taken.rest(), "hello");
}

CAF_TEST(the admin API is asked once and its answer is all that comes) {
  struct row {
    std::string says, token;
    int status;
    std::string body, error;
  };
  for (auto& [says, token, status, body, error] : std::initializer_list<row>{
         {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "", 200, "{}", ""},
         {"HTTP/1.1 401 Unauthorized\r\n\r\nwho?", "a-token", 401, "who?", ""},
         {"", "", 0, "", "the admin API gave no answer"},
         {"nonsense\r\n\r\n", "", 0, "", "the admin API gave no answer"},
       }) {
    CAF_MESSAGE(says);
    talker api{says};
    config::listen_address at;
    at.ip = "127.0.0.1";
    at.port = api.port();
    auto answer = ask_admin(at, token, "/blocked?since=7");
    auto why = answer ? "" : context_of(answer.error());
    CAF_CHECK_EQUAL(why, error);
    CAF_CHECK_EQUAL(answer ? answer->status : 0, status);
    CAF_CHECK_EQUAL(answer ? answer->body : "", body);
    CAF_CHECK_EQUAL(api.heard(),
                    "GET /blocked?since=7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                      (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "\r\n");
  }
  config::listen_address nobody;
  nobody.ip = "127.0.0.1";
  nobody.port = closed_port();
  auto unanswered = ask_admin(nobody, "", "/blocked");
  CAF_CHECK(context_of(unanswered.error()).ends_with(": Connection refused"));
}
