#define CAF_SUITE actors.admin.explain_question
#include "actors/admin/explain.hpp" // unit under test

#include "tests/actors/admin/explaining.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST(a question is read as the proxy would read its request) {
  using policy::protocol;
  struct row {
    question q;
    std::string_view protocol, host;
    uint16_t port;
    std::string_view method;
    bool upgrade;
  };
  for (auto& [q, protocol, host, port, method, upgrade] : std::initializer_list<row>{
         {asking("http://a.example/x?y"), "http", "a.example", 80, "GET", false},
         {asking("HTTP://A.Example.:8080#top", "POST"), "http", "a.example", 8080, "POST", false},
         {asking("https://a.example/"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("https://a.example:8443/x", "POST"), "https_connect", "a.example", 8443, "CONNECT",
          false},
         {asking("a.example"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("[::1]:22"), "https_connect", "::1", 22, "CONNECT", false},
         {asking("https://a.example/", "POST", protocol::http), "https", "a.example", 443, "POST",
          false},
         {asking("a.example:81", "GET", protocol::http), "http", "a.example", 81, "GET", false},
         {asking("http://a.example/", "GET", protocol::https_connect), "https_connect", "a.example",
          80, "CONNECT", false},
         {asking("ws://a.example/"), "http", "a.example", 80, "GET", true},
         {asking("wss://a.example/"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("a.example:25", "GET", protocol::socks5_tcp), "socks5_tcp", "a.example", 25, "",
          false},
         {asking("http://0x7f.1/"), "http", "127.0.0.1", 80, "GET", false},
       }) {
    CAF_MESSAGE(q.address);
    auto what = unbox(parse_question(q));
    CAF_CHECK_EQUAL(policy::to_string(what.target.protocol), protocol);
    CAF_CHECK_EQUAL(what.target.host.text(), host);
    CAF_CHECK_EQUAL(what.target.port, port);
    CAF_CHECK_EQUAL(what.target.method, method);
    CAF_CHECK_EQUAL(what.target.upgrade, upgrade);
    CAF_CHECK_EQUAL(what.words, q.method + ' ' + q.address);
  }
}

CAF_TEST(fields of the request count) {
  auto q = asking("http://a.example/");
  q.headers = {"Connection: upgrade", "Upgrade: websocket"};
  CAF_CHECK(unbox(parse_question(q)).target.upgrade);
  q.headers = {"Host: a.example:80"};
  CAF_CHECK(parse_question(q));
  q.headers = {"Host: b.example"};
  CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
}

CAF_TEST(what no request could ask is malformed) {
  for (auto& q :
       {asking(""), asking("http://"), asking("ftp://a.example/"), asking("http://a..example/"),
        asking("http://a.example:0/"), asking("http://a.example:99999/"), asking("http://a b/"),
        asking("http://a.example/", "G T"), asking("http://a.example/", ""),
        asking("http://a.example/\r\nX: y"),
        asking("http://a.example/", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
        asking("http://user@a.example/"), asking("::1")}) {
    CAF_MESSAGE(q.method << ' ' << q.address);
    CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
  }
  auto q = asking("http://a.example/");
  q.headers = {"X: y\r\nZ: z"};
  CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
}

CAF_TEST(a name is looked up only when the verdict depends on it) {
  auto rules = rules_of({"good.example", "127.0.0.1", "localhost"}, {"bad.example"});
  rules.mitm = true;
  policy::test::set_mode(rules, policy::mode::limited);
  auto in_force = snapshot_of(rules);
  struct row {
    std::string_view address, name;
    std::string_view method = "GET";
  };
  for (auto& [address, name, method] : std::initializer_list<row>{
         {"http://good.example/", "good.example"},
         {"https://good.example/", "good.example"},
         {"http://good.example/", "", "POST"},              // the mode is judged first
         {"https://good.example/", "good.example", "POST"}, // a tunnel is dialled before it is read
         {"http://bad.example/", ""},
         {"http://other.example/", ""},
         {"http://127.0.0.1/", ""},
         {"http://localhost/", ""},
       }) {
    CAF_MESSAGE(address);
    auto what = unbox(parse_question(asking(std::string{address}, std::string{method})));
    CAF_CHECK_EQUAL(name_to_resolve(in_force, what), name);
  }
}
