#define CAF_SUITE protocols.http1_decode
#include "protocols/http1/decode.hpp" // unit under test

#include "tests/protocols/http1_heads.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace proxy::http1::test;
using namespace std::string_literals;

CAF_TEST(a request decodes into its parts) {
  request out;
  CAF_REQUIRE(
    !decode_request("GET http://Example.com/a?b HTTP/1.1\r\nHost: Example.com\r\nAccept:*/*\r\n"
                    "X-Empty:\r\nX-Tab:\t a \tb\t \r\nX-Text: caf\xc3\xa9\r\n\r\n",
                    {}, out));
  CAF_CHECK_EQUAL(out.method, "GET"s);
  CAF_CHECK_EQUAL(out.target, "http://Example.com/a?b"s);
  CAF_CHECK(!out.http_1_0);
  CAF_CHECK(out.keep_alive);
  CAF_CHECK(out.body == framing::none);
  CAF_CHECK(!out.expect_continue);
  CAF_CHECK(out.upgrade.empty());
  CAF_REQUIRE_EQUAL(out.fields.size(), 5u);
  CAF_CHECK_EQUAL(out.fields[0].name, "Host"s);
  CAF_CHECK_EQUAL(out.fields[1].value, "*/*"s);
  CAF_CHECK_EQUAL(out.fields[2].value, ""s);
  CAF_CHECK_EQUAL(out.fields[3].value, "a \tb"s);
  CAF_CHECK_EQUAL(out.fields[4].value, "caf\xc3\xa9"s);
  auto accept = out.find("ACCEPT");
  CAF_REQUIRE(accept.has_value());
  CAF_CHECK_EQUAL(*accept, "*/*"s);
  CAF_CHECK(!out.find("Accep"));
}

CAF_TEST(an object used again remembers nothing of the message before) {
  request out;
  CAF_REQUIRE(!decode_request(
    "POST * HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\n", {}, out));
  CAF_REQUIRE(!decode_request(with("Connection: upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n"),
                              {}, out));
  CAF_CHECK(!out.http_1_0);
  CAF_REQUIRE(!decode_request("GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", {}, out));
  CAF_CHECK_EQUAL(out.fields.size(), 2u);
  CAF_CHECK(out.body == framing::none);
  CAF_CHECK_EQUAL(out.content_length, 0u);
  CAF_CHECK(out.upgrade.empty());
  CAF_CHECK(!out.expect_continue);
  CAF_CHECK(!out.keep_alive);
}

CAF_TEST(a request line has three parts and single spaces) {
  struct row {
    std::string line;
    bool good;
  };
  for (auto& [line, good] : std::initializer_list<row>{
         {"GET / HTTP/1.1", true},
         {"GET / HTTP/1.0", true},
         {"M-SEARCH * HTTP/1.1", true},
         {"x!#$%&'*+.^_`|~ / HTTP/1.1", true}, // any token is a method
         {"get / HTTP/1.1", true},
         {"CONNECT a:443 HTTP/1.1", true},
         {"GET /\"<>\\^`{|} HTTP/1.1",
          true}, // wrong in a URI, common on the web, read by all alike
         {"GET  / HTTP/1.1", false},
         {"GET /  HTTP/1.1", false},
         {"GET / a HTTP/1.1", false},
         {"GET\t/ HTTP/1.1", false},
         {" GET / HTTP/1.1", false},
         {" / HTTP/1.1", false},
         {"GET / HTTP/1.1 ", false},
         {"GET /", false},
         {"GET", false},
         {"GET HTTP/1.1", false},
         {"GET  HTTP/1.1", false},
         {"G(T / HTTP/1.1", false},
         {"G\xc3\xa9T / HTTP/1.1", false},
         {"GET /\xc3\xa9 HTTP/1.1", false},
         {"GET /\0 HTTP/1.1"s, false},
         {"GET /\x7f HTTP/1.1", false},
         {"GET /\tHTTP/1.1", false},
         {"GET /\ta HTTP/1.1", false},
         {"GET /\ra HTTP/1.1", false},
         {"GET / HTTP/1.1\r", false},
         {"GET / http/1.1", false},
         {"GET / HTTP/1.2", false},
         {"GET / HTTP/2.0", false},
         {"GET / HTTP/0.9", false},
         {"GET / HTTP/1.10", false},
         {"GET / HTTP/01.1", false},
         {"GET / HTTP/1,1", false},
         {"GET / HTTP/1.", false},
         {"GET / HTTPS/1.1", false},
         {"PRI * HTTP/2.0", false},
         {"", false}, // an empty line first is slack, and then no request follows
       }) {
    CAF_MESSAGE(line);
    CAF_CHECK_EQUAL(outcome_of_request(line + "\r\nHost: a\r\n\r\n"),
                    good ? errc{} : errc::malformed);
  }
}

CAF_TEST(a few empty lines before a request are slack) {
  CAF_CHECK_EQUAL(outcome_of_request("\r\n" + with("")), errc{});
  CAF_CHECK_EQUAL(outcome_of_request("\r\n\r\n\r\n\r\n" + with("")), errc{});
  for (auto before :
       {"\r\n\r\n\r\n\r\n\r\n", "\n", "\r", "\r\n\r", "\n\r", "\r\n\n", "\r\r\n\n", " \r\n"}) {
    CAF_MESSAGE(before);
    CAF_CHECK_EQUAL(outcome_of_request(before + with("")), errc::malformed);
  }
}

CAF_TEST(a head has an end and nothing behind it) {
  for (auto& head : {
         ""s,
         "\r\n"s,
         "GET / HTTP/1.1"s,
         "GET / HTTP/1.1\r\n"s,
         "GET / HTTP/1.1\r\nHost: a\r\n"s,
         "GET / HTTP/1.1\r\nHost: a\r\n\r"s,
         "GET / HTTP/1.1\r\nHost: a\r\n\n"s,
         "GET / HTTP/1.1\nHost: a\n\n"s,
         "GET / HTTP/1.1\r\nHost: a\r\n\r\nx"s,
         "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"s,
         "GET / HTTP/1.1\nHost: a\r\n\r\n"s,
       }) {
    CAF_MESSAGE(head);
    CAF_CHECK_EQUAL(outcome_of_request(head), errc::malformed);
  }
}

CAF_TEST(Host stands exactly once) {
  auto get = [](std::string_view version, std::string_view hosts) {
    return outcome_of_request("GET http://a/ HTTP/" + std::string{version} + "\r\n" +
                              std::string{hosts} + "\r\n");
  };
  CAF_CHECK_EQUAL(get("1.1", "Host: a\r\n"), errc{});
  CAF_CHECK_EQUAL(get("1.1", "hOST:a\r\n"), errc{});
  CAF_CHECK_EQUAL(get("1.1", ""), errc::malformed);
  CAF_CHECK_EQUAL(get("1.1", "Hosts: a\r\n"), errc::malformed);
  CAF_CHECK_EQUAL(get("1.1", "Host: a\r\nHost: a\r\n"), errc::malformed);
  CAF_CHECK_EQUAL(get("1.1", "Host: a\r\nhost: b\r\n"), errc::malformed);
  CAF_CHECK_EQUAL(get("1.0", ""), errc{});
  CAF_CHECK_EQUAL(get("1.0", "Host: a\r\n"), errc{});
  CAF_CHECK_EQUAL(get("1.0", "Host: a\r\nHost: a\r\n"), errc::malformed);
}

CAF_TEST(a method of more than 64 bytes is one that nobody has) {
  auto get = [](size_t size) {
    return outcome_of_request(std::string(size, 'G') + " http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  CAF_CHECK_EQUAL(get(64), errc{});
  CAF_CHECK_EQUAL(get(65), errc::not_implemented);
  CAF_CHECK_EQUAL(get(5000), errc::not_implemented);
}

CAF_TEST(a head has limits) {
  auto head = with("A: b\r\nC: d\r\n");
  CAF_CHECK_EQUAL(outcome_of_request(head, {head.size(), 3}), errc{});
  CAF_CHECK_EQUAL(outcome_of_request(head, {head.size() - 1, 3}), errc::head_too_large);
  CAF_CHECK_EQUAL(outcome_of_request(head, {head.size(), 2}), errc::head_too_large);
  response out;
  auto answer = response_with("A: b\r\nC: d\r\n");
  CAF_CHECK(!decode_response(answer, {answer.size(), 2}, false, false, out));
  CAF_CHECK(code_of(decode_response(answer, {answer.size() - 1, 2}, false, false, out)) ==
            errc::bad_response);
  CAF_CHECK(code_of(decode_response(answer, {answer.size(), 1}, false, false, out)) ==
            errc::bad_response);
}

CAF_TEST(a head beyond a limit names it) {
  auto text_of = [](const std::string& head, const head_limits& limits) {
    request out;
    return context_of(decode_request(head, limits, out));
  };
  CAF_CHECK_EQUAL(text_of(with("A: b\r\n"), {20, 200}),
                  "head longer than limits.max_head_bytes = 20"s);
  CAF_CHECK_EQUAL(text_of(with("A: b\r\nA: b\r\n"), {1000, 2}),
                  "more fields than limits.max_header_fields = 2"s);
  response out;
  CAF_CHECK_EQUAL(
    context_of(decode_response(response_with("A: b\r\nA: b\r\n"), {1000, 1}, false, false, out)),
    "more fields than limits.max_header_fields = 1"s);
}

CAF_TEST(only HTTP / 1.1 expects 100 - continue) {
  auto expects = [](std::string_view line, std::string_view version) {
    request out;
    CAF_REQUIRE(!decode_request(with(line, version), {}, out));
    return out.expect_continue;
  };
  CAF_CHECK(expects("Expect: 100-Continue\r\n", "1.1"));
  CAF_CHECK(!expects("Expect: 100-continue\r\n", "1.0"));
  CAF_CHECK(!expects("Expect: 200-ok\r\n", "1.1"));
  CAF_CHECK(!expects("Accept: 100-continue\r\n", "1.1"));
  CAF_CHECK(!expects("", "1.1"));
}

CAF_TEST(a request that shows who asks says so) {
  request out;
  CAF_REQUIRE(!decode_request(with("Authorization: Basic x\r\n"), {}, out));
  CAF_CHECK(out.authorization);
  CAF_REQUIRE(!decode_request(with("Authorisation: Basic x\r\n"), {}, out));
  CAF_CHECK(!out.authorization);
}

CAF_TEST(a request that names one trace says so and of several it says none) {
  struct row {
    std::string_view lines, value;
  };
  for (auto [lines, value] : std::initializer_list<row>{
         {"", ""},
         {"traceparent: 00-a\r\n", "00-a"},
         {"TraceParent:   x \r\n", "x"},
         {"traceparent:\r\n", ""},
         {"tracestate: a=b\r\n", ""},
         {"traceparenu: a\r\n", ""},
         {"traceparent: a\r\ntraceparent: a\r\n", ""},
         {"traceparent: a\r\nX: y\r\nTraceparent: b\r\n", ""},
       }) {
    CAF_MESSAGE(lines);
    request out;
    out.traceparent = "of the request before";
    auto head = with(std::string{lines}); // which the request points into
    CAF_REQUIRE(!decode_request(head, {}, out));
    CAF_CHECK_EQUAL(out.traceparent, value);
  }
}

CAF_TEST(an error tells the fault and the byte of its line) {
  struct row {
    std::string_view lines, why;
  };
  for (auto [lines, why] : std::initializer_list<row>{
         {"GET / HTTP/1.1\n", "bare LF at byte 0"},
         {"GET / HTTP/1.1\r\nHost: a\r\nB : c\r\n", "space before the colon at byte 25"},
         {"GET / HTTP/1.1\r\nHost: a\r\nB(: c\r\n", "bad field name at byte 25"},
         {"GET / HTTP/1.1\r\nHost: a\r\n B: c\r\n", "folded field line at byte 25"},
       }) {
    request out;
    auto err = decode_request(std::string{lines} + "\r\n", {}, out);
    CAF_CHECK_EQUAL(context_of(err), std::string{why});
  }
  response out;
  auto err = decode_response("HTTP/1.1 200 OK\n\r\n", {}, false, false, out);
  CAF_CHECK_EQUAL(context_of(err), "bare LF at byte 0"s);
}
