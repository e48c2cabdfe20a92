#define CAF_SUITE actors.flows.inspect
#include "tests/actors/flows/intercepting.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// mitm.inspect: every tunnel is read, sizes are logged and never what they are of; what is no HTTP
/// passes, whoever speaks first.

namespace {

/// Bytes in chunks.
std::string chunked(const std::string& body) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return size + body + "\r\n0\r\n\r\n";
}

} // namespace

CAF_TEST(sizes of bodies are logged and nothing that is in them) {
  struct row {
    std::string what, request, response, line;
    std::string network = inspecting;
  } rows[] = {
    {"no bodies", ask_for("GET", "/private?secret=1"), ok(""),
     "method=GET status=200 request_bytes=0 request_truncated=false response_bytes=0 "
     "response_truncated=false"},
    {"as much as is kept", ask_for("POST", "/private", "", std::string(4096, 's')),
     ok(std::string(4096, 's')),
     "method=POST status=200 request_bytes=4096 request_truncated=false response_bytes=4096 "
     "response_truncated=false"},
    {"a byte more", ask_for("PUT", "/private", "", std::string(4097, 's')),
     ok(std::string(4097, 's')),
     "method=PUT status=200 request_bytes=4097 request_truncated=true response_bytes=4097 "
     "response_truncated=true"},
    {"chunks, without their framing",
     ask_for("POST", "/private", "Transfer-Encoding: chunked\r\n") + chunked(std::string(300, 's')),
     "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(std::string(5'000, 's')),
     "method=POST status=404 request_bytes=300 request_truncated=false response_bytes=5000 "
     "response_truncated=true"},
    {"HEAD", ask_for("HEAD", "/private"), "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
     "method=HEAD status=200 request_bytes=0 request_truncated=false response_bytes=0 "
     "response_truncated=false"},
    {"another limit", ask_for("POST", "/private", "", "sss"), ok("ss"),
     "method=POST status=200 request_bytes=3 request_truncated=true response_bytes=2 "
     "response_truncated=false",
     two_hosts + "mitm = {enabled = true, inspect = true, max_body_bytes = 2}\n"},
  };
  for (auto& [what, request, response, line, network] : rows) {
    CAF_MESSAGE(what);
    intercepting s{{.network = network}};
    auto& client = s.inside();
    client.say(request);
    auto& origin = s.answer_at(s.example);
    CAF_REQUIRE(s.hears(origin, "/private"));
    s.pass(10ms);
    origin.say(response);
    CAF_CHECK(s.hears(client, response.substr(response.find("\r\n\r\n")))); // never cut
    CAF_CHECK(s.logs("msg=inspected host=example.com port=443 " + line + " client=192.0.2.9:"));
    auto log = s.log();
    for (auto word : {"private", "secret", "sss"})
      CAF_CHECK(!has(log, word));
  }
}

CAF_TEST(a request without an answer is logged with no status and refusals are not exchanges) {
  intercepting s{{.network = inspecting}};
  auto& client = s.inside();
  client.say(ask_for("POST", "/", "", "abc"));
  auto& origin = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(origin, "abc"));
  s.pass(10ms);
  origin.reset();
  CAF_CHECK_EQUAL(s.status_of(client), 502);
  CAF_CHECK(
    s.logs("msg=inspected host=example.com port=443 method=POST status=0 request_bytes=3 "));
  CAF_CHECK_EQUAL(s.status(s.inside(), ask_for("GET", "/", "", "", "other.test")), 421);
  CAF_CHECK(!s.logs("method=GET status"));
}

CAF_TEST(requests outside of tunnels and in tunnels that nobody reads are not inspected) {
  intercepting s{{.network = inspecting}};
  auto& plain = s.serve_at("93.184.216.34", 80);
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& origin = s.accept(plain);
  CAF_CHECK(s.hears(origin, "GET / "));
  origin.say(ok("plain"));
  CAF_CHECK(s.hears(client, "plain"));
  s.install(two_hosts + "mitm = {enabled = true, inspect = false}\n");
  // What the client hears is the origin's own certificate.
  auto& through = s.tunnel("example.com:443");
  through.speak_tls(s.trusts_proxy(), "example.com");
  auto& behind = s.answer_at(s.example);
  CAF_CHECK(s.until([&] { return !through.tls_error.empty(); }));
  CAF_CHECK(s.until([&] { return !behind.tls_error.empty(); }));
  CAF_CHECK(!s.logs("msg=inspected"));
}

CAF_TEST(plain HTTP in a tunnel is read and judged as what it is) {
  for (auto& network : {limited, inspecting}) {
    intercepting s{{.network = network}};
    auto& plain = s.serve_at("93.184.216.34", 80);
    auto& client = s.tunnel("example.com:80");
    auto& origin = s.accept(plain);
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/a?b=c")), 200);
    CAF_CHECK(origin.text.starts_with("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n"));
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "http://example.com/abs")), 200);
    CAF_CHECK(origin.text.starts_with("GET /abs "));
    struct row {
      std::string request;
      int status;
    } rows[] = {
      {ask_for("GET", "/", "", "", "other.test"), 421},
      {ask_for("GET", "http://other.test/", "", "", "other.test"), 421},
      {ask_for("CONNECT", "example.com:443"), 405},
    };
    for (auto& [request, status] : rows)
      CAF_CHECK_EQUAL(s.status(client, request), status);
    auto wanted = network == limited ? 403 : 200;
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("POST", "/", "", "x=1")), wanted);
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/end")), 200);
    CAF_CHECK_EQUAL(s.decided("deny http example.com:80 misdirected"), 2u);
    CAF_CHECK_EQUAL(s.decided("deny http example.com:80 method_not_allowed"),
                    network == limited ? 1u : 0u);
    CAF_CHECK_EQUAL(s.logs("msg=inspected host=example.com port=80 method=POST status=200 "
                           "request_bytes=3"),
                    network == inspecting);
    CAF_CHECK_EQUAL(s.status(client, ask_for("GET", "https://example.com/")), 400);
  }
}

CAF_TEST(what comes near HTTP is answered and never relayed) {
  for (auto& word :
       {"GET /\r\n"s, "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: example.com\r\n\r\n"s,
        "GET / HTTP/1.1\rHost: example.com\r\r"s, " GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"s,
        "GET\t/ HTTP/1.1\r\nHost: example.com\r\n\r\n"s,
        "get / http/1.1\r\nHost: example.com\r\n\r\n"s,
        "GET /\x01 HTTP/1.1\r\nHost: example.com\r\n\r\n"s,
        "GET / HTTP/1.1\nHost: example.com\n\n"s, "GET / HTTP/9.9\r\nHost: example.com\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: a\r\nHost: example.com\r\n\r\n"s,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s + std::string(9, '\0'),
        "GET /"s + std::string(70'000, 'x'), std::string(20'000, 'A'),
        "GET / HTTP/1.1\r\nHost:"s}) {
    CAF_MESSAGE(word.substr(0, 40));
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    client.say(word);
    auto status = s.status_of(client, 40s);
    CAF_CHECK((status >= 400 && status < 500) || status == 501 || status == 505);
    CAF_CHECK(s.is_over(client));
    CAF_CHECK(s.is_over(origin));
    CAF_CHECK_EQUAL(origin.text, "");
  }
}

CAF_TEST(after HTTP in the clear nothing but HTTP comes) {
  intercepting probe;
  auto hello = hello_of(probe.tunnel("example.com:443"));
  for (auto& word : {hello, "\x05\x01\x00"s, "SSH-2.0-x\r\n"s, "\x16\x03\x01\x00\x05"s}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/")), 200);
    origin.forget();
    client.forget();
    client.say(word);
    CAF_CHECK(s.is_over(client, 40s));
    CAF_CHECK(client.text.empty() || client.text.starts_with("HTTP/1.1 40"));
    CAF_CHECK_EQUAL(origin.text, "");
  }
}

CAF_TEST(a server that speaks first is heard and what follows is between the two) {
  intercepting s{{.network = inspecting}};
  auto& client = s.tunnel("example.com:443");
  auto& origin = s.accept(s.example);
  s.pass(14min); // of the fifteen that a silent tunnel has
  origin.say("220 ready\r\n");
  CAF_CHECK(s.hears(client, "220 ready\r\n"));
  s.pass(14min);
  client.say("EHLO a.test\r\n");
  CAF_CHECK(s.hears(origin, "EHLO a.test\r\n"));
  origin.say("250 hello\r\n");
  CAF_CHECK(s.hears(client, "250 hello\r\n"));
  client.say("GET /unread HTTP/1.1\r\n\r\n");
  CAF_CHECK(s.hears(origin, "GET /unread"));
  origin.say("HTTP/1.1 200 OK\r\n\r\n"); // it is known what this is by now
  CAF_CHECK(!s.is_over(client, 14min));
  CAF_CHECK(s.is_over(client, 2min));
  CAF_CHECK_EQUAL(s.told(), 1u);
}

CAF_TEST(a long greeting waits for a client that does not read and nothing of it is lost) {
  intercepting s{{.network = inspecting}};
  auto& client = s.tunnel("example.com:443");
  auto& origin = s.accept(s.example);
  std::string greeting(3'000'000, 'g');
  client.read_nothing();
  origin.say(greeting);
  s.pass(1s);
  CAF_CHECK(origin.unsaid() > 0u);
  client.say("SSH-2.0-x\r\n");
  s.pass(1s);
  client.read_nothing(false);
  CAF_CHECK(s.until([&] { return client.text.size() >= greeting.size(); }));
  CAF_CHECK(client.text == greeting);
  CAF_CHECK(s.hears(origin, "SSH-2.0-x\r\n"));
}

CAF_TEST(behind a greeting HTTP and TLS are served by a connection of their own) {
  for (auto greeted : {true, false}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& first = s.accept(s.example);
    if (greeted) {
      first.say("220 ready\r\n");
      CAF_REQUIRE(s.hears(client, "220 ready\r\n"));
      client.forget();
    }
    s.secure(client);
    if (!greeted) {
      first.say("220 ready\r\n");
      s.pass(1s);
    }
    client.say(ask_for("GET", "/in"));
    auto& second = s.answer_at(s.example);
    CAF_CHECK(s.hears(second, "GET /in "));
    CAF_CHECK(s.is_over(first));
    CAF_CHECK_EQUAL(first.text, "");
  }
}

CAF_TEST(ends pass both ways where nobody had to read) {
  intercepting s{{.network = inspecting}};
  auto& client = s.tunnel("example.com:443");
  auto& origin = s.accept(s.example);
  client.finish(); // and never a word
  CAF_CHECK(s.is_over(origin));
  origin.say("bye\r\n");
  CAF_CHECK(s.hears(client, "bye\r\n"));
  origin.finish();
  CAF_CHECK(s.is_over(client));
  auto& second = s.tunnel("example.com:443");
  auto& first_to_end = s.accept(s.example);
  first_to_end.say("220 ready\r\n");
  first_to_end.finish();
  CAF_CHECK(s.is_over(second));
  CAF_CHECK_EQUAL(second.text, "220 ready\r\n");
  second.say("thanks\r\n");
  CAF_CHECK(s.hears(first_to_end, "thanks\r\n"));
  second.finish();
  CAF_CHECK(s.is_over(first_to_end));
  CAF_CHECK_EQUAL(s.told(), 2u);
}

CAF_TEST(a server that breaks off before a word resets its client) {
  for (auto greets : {false, true}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    if (greets) {
      origin.say("220 ready\r\n");
      CAF_CHECK(s.hears(client, "220 ready\r\n"));
    }
    origin.reset();
    CAF_CHECK(s.is_over(client));
    CAF_CHECK_EQUAL(client.error, ECONNRESET);
  }
}

CAF_TEST(where our side has ended nothing that would be read passes any more) {
  intercepting probe;
  auto hello = hello_of(probe.tunnel("example.com:443"));
  for (auto& word : {hello, ask_for("GET", "/")}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    origin.say("220 ready\r\n");
    origin.finish();
    CAF_REQUIRE(s.is_over(client));
    client.say(word);
    CAF_CHECK(s.until([&] { return s.events.size() == 2; }));
    CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), 1u);
    CAF_CHECK_EQUAL(origin.text, "");
  }
}

CAF_TEST(an answer in HTTP ends a tunnel that was taken for something else) {
  for (auto answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", "http/1.0 200\r\n\r\nsecret"})
    for (auto whole : {true, false}) {
      intercepting s{{.network = inspecting}};
      auto& client = s.tunnel("example.com:443");
      auto& origin = s.accept(s.example);
      client.say("whatever it is\r\n\r\n");
      CAF_REQUIRE(s.hears(origin, "whatever"));
      for (std::string_view rest{answer}; !rest.empty();
           rest.remove_prefix(whole ? rest.size() : 1)) {
        origin.say(whole ? rest : rest.substr(0, 1));
        s.pass(1ms);
      }
      CAF_CHECK(s.is_over(client));
      CAF_CHECK(!has(client.text, "HTTP") && !has(client.text, "secret"));
      CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), 1u);
    }
}

CAF_TEST(a tunnel whose connection is in the pool is answered at once and dialled when it must be) {
  intercepting s{{.network = inspecting}};
  auto& first = s.inside();
  first.say(ask_for("GET", "/"));
  auto& pooled = s.answer_at(s.example);
  CAF_CHECK(s.hears(pooled, "GET / "));
  pooled.say(ok("kept"));
  CAF_CHECK(s.hears(first, "kept"));
  auto& second = s.tunnel("example.com:443");
  CAF_CHECK(!s.is_called(s.example, 1s));
  second.say("SSH-2.0-x\r\n"); // nothing for a server that is spoken to in TLS
  auto& dialled = s.accept(s.example);
  CAF_CHECK(s.hears(dialled, "SSH-2.0-x\r\n"));
  dialled.say("SSH-2.0-y\r\n");
  CAF_CHECK(s.hears(second, "SSH-2.0-y\r\n"));
  // One that leaves without a word needs nothing.
  auto& third = s.tunnel("example.com:443");
  third.finish();
  CAF_CHECK(s.is_over(third));
  CAF_CHECK(!s.is_called(s.example, 1s));
  CAF_CHECK_EQUAL(s.told(), 4u);
}
