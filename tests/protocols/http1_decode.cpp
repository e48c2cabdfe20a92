#define CAF_SUITE protocols.http1_decode
#include "protocols/http1/decode.hpp" // unit under test

#include <algorithm>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;

namespace {

/// What became of a request head: `errc{}` when it decoded.
errc outcome_of_request(std::string_view head, const head_limits& limits = {}) {
  request out;
  auto err = decode_request(head, limits, out);
  return err ? code_of(err) : errc{};
}

errc outcome_of_response(std::string_view head) {
  response out;
  auto err = decode_response(head, {}, false, false, out);
  return err ? code_of(err) : errc{};
}

/// A request with Host and these field lines.
std::string with(std::string_view lines, std::string_view version = "1.1") {
  return "POST http://a/ HTTP/" + std::string{version} + "\r\nHost: a\r\n" + std::string{lines} +
         "\r\n";
}

std::string response_with(std::string_view lines, std::string_view start = "HTTP/1.1 200 OK") {
  return std::string{start} + "\r\n" + std::string{lines} + "\r\n";
}

/// Framing faults that a request and a response share, as field lines.
const std::string bad_framing[] = {
  // CL.TE and TE.CL
  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
  // codings other than one chunked
  "Transfer-Encoding: xchunked\r\n",
  "Transfer-Encoding: chunkedx\r\n",
  "Transfer-Encoding: chunked, chunked\r\n",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: identity, chunked\r\n",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding: chunked, gzip\r\n",
  "Transfer-Encoding: chunked;q=1\r\n",
  "Transfer-Encoding: \"chunked\"\r\n",
  "Transfer-Encoding:\r\n",
  "Transfer-Encoding: \x0b"
  "chunked\r\n",
  "Transfer-Encoding: chunked\x0b\r\n",
  "Transfer-Encoding: \x0c"
  "chunked\r\n",
  "Transfer-Encoding: chunked\0\r\n"s,
  "Transfer-Encoding: chun\rked\r\n",
  "Transfer-Encoding: chunked\r\r\n",
  "Transfer-Encoding: \xa0"
  "chunked\r\n",
  // lengths
  "Content-Length: 5\r\nContent-Length: 6\r\n",
  "Content-Length: ,\r\n",
  "Transfer-Encoding: ,\r\n",
  "Transfer-Encoding: , chunked, chunked\r\n",
  "Content-Length: 5,6\r\n",
  "Content-Length: 5,x\r\n",
  "Content-Length: x,5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: -5\r\n",
  "Content-Length: 0x5\r\n",
  "Content-Length: 5 5\r\n",
  "Content-Length: 5.0\r\n",
  "Content-Length: five\r\n",
  "Content-Length: \"5\"\r\n",
  "Content-Length:\r\n",
  "Content-Length: 9223372036854775808\r\n",
  "Content-Length: 18446744073709551616\r\n",
  "Content-Length: 18446744073709551621\r\n", // 5 modulo 2^64
  "Content-Length: 99999999999999999999999999999999\r\n",
  // line structure
  "Content-Length : 5\r\n",
  "Content-Length\t: 5\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Transfer-Encoding\x0b: chunked\r\n",
  " Transfer-Encoding: chunked\r\n",
  "X: a\r\n Transfer-Encoding: chunked\r\n",
  "X: a\r\n\tb\r\n",
  "X:\r\n b\r\n",
  "X: a\r\n \r\n",
  "X: a\nTransfer-Encoding: chunked\r\n",
  "X: a\rTransfer-Encoding: chunked\r\n",
  "X: a\r\r\nY: b\r\n",
  "X: a\n",
  "X: a\0b\r\n"s,
  "X: a\x7f\r\n",
  "X: a\x01\r\n",
  "X: 12345678901234567890123456789\x1f\r\n", // behind the first eight bytes
  "X: \x1b"
  "2345678\r\n",
  "X\0: a\r\n"s,
  "X: a\x1b[2J\r\n",
  ": a\r\n",
  "X\r\n",
  "X Y: a\r\n",
  "X(: a\r\n",
  "X\xc3\xbc: a\r\n",
  "X[]: a\r\n",
  "\"X\": a\r\n",
};

} // namespace

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

CAF_TEST(faulty framing of a request is malformed) {
  for (auto& lines : bad_framing) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(outcome_of_request(with(lines)), errc::malformed);
    CAF_CHECK_EQUAL(outcome_of_request(with("A: b\r\n" + lines + "C: d\r\n")), errc::malformed);
  }
}

CAF_TEST(what can be read in one way alone is forgiven responses and not requests) {
  struct row {
    std::string_view lines;
    framing body;
    uint64_t length;
  };
  for (auto& [lines, body, length] : std::initializer_list<row>{
         {"Transfer-Encoding: , chunked\r\n", framing::chunked, 0},
         {"Transfer-Encoding: chunked,\r\n", framing::chunked, 0},
         {"Transfer-Encoding: ,\t, Chunked ,,\r\n", framing::chunked, 0},
         {"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", framing::chunked, 0},
         {"Content-Length: 5, 5\r\n", framing::length, 5},
         {"Content-Length: 5,5, 05\r\n", framing::length, 5},
         {"Content-Length: 5, 5\r\nContent-Length: 5\r\n", framing::length, 5},
       }) {
    CAF_MESSAGE(lines);
    response out;
    auto head = response_with(lines);
    CAF_REQUIRE(!decode_response(head, {}, false, false, out));
    CAF_CHECK(out.body == body);
    CAF_CHECK_EQUAL(out.content_length, length);
    CAF_CHECK_EQUAL(outcome_of_request(with(lines)), errc::malformed);
  }
}

CAF_TEST(a method of more than 64 bytes is one that nobody has) {
  auto get = [](size_t size) {
    return outcome_of_request(std::string(size, 'G') + " http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  CAF_CHECK_EQUAL(get(64), errc{});
  CAF_CHECK_EQUAL(get(65), errc::not_implemented);
  CAF_CHECK_EQUAL(get(5000), errc::not_implemented);
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

CAF_TEST(faulty framing of a response is a bad response) {
  for (auto& lines : bad_framing) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(outcome_of_response(response_with(lines)), errc::bad_response);
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

CAF_TEST(the fields of a request say how its body ends) {
  struct row {
    std::string_view lines;
    framing body;
    uint64_t length;
  };
  for (auto& [lines, body, length] : std::initializer_list<row>{
         {"", framing::none, 0},
         {"Content-Length: 0\r\n", framing::length, 0},
         {"content-length:42\r\n", framing::length, 42},
         {"Content-Length:  042 \r\n", framing::length, 42},
         {"Content-Length: 7\r\nContent-Length: 7\r\n", framing::length, 7},
         {"Content-Length: 9223372036854775807\r\n", framing::length, 9223372036854775807u},
         {"Transfer-Encoding: chunked\r\n", framing::chunked, 0},
         {"TRANSFER-ENCODING: ChunKed\r\n", framing::chunked, 0},
         {"Transfer-Encoding:\tchunked \r\n", framing::chunked,
          0}, // tabs are whitespace here (RFC 9110 §5.6.3)
       }) {
    CAF_MESSAGE(lines);
    request out;
    auto head = with(lines);
    CAF_REQUIRE(!decode_request(head, {}, out));
    CAF_CHECK(out.body == body);
    CAF_CHECK_EQUAL(out.content_length, length);
  }
}

CAF_TEST(HTTP / 1.0 knows no transfer coding) {
  CAF_CHECK_EQUAL(outcome_of_request(with("Transfer-Encoding: chunked\r\n", "1.0")),
                  errc::malformed);
  CAF_CHECK_EQUAL(
    outcome_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK")),
    errc::bad_response);
}

CAF_TEST(Connection options count on every line) {
  struct row {
    std::string_view version, lines;
    bool keep_alive;
    std::string_view upgrade;
  };
  for (auto& [version, lines, keep_alive, upgrade] : std::initializer_list<row>{
         {"1.1", "", true, ""},
         {"1.1", "Connection: close\r\n", false, ""},
         {"1.1", "Connection: CLOSE\r\n", false, ""},
         {"1.1", "Connection: x\r\nConnection: , y ,close,\r\n", false, ""},
         {"1.1", "Connection: keep-alive, close\r\n", false, ""},
         {"1.1", "Connection: closed\r\n", true, ""},
         {"1.1", "X-Connection: close\r\n", true, ""},
         {"1.1", "User-Agent: close\r\n", true, ""}, // as long as Connection
         {"1.0", "", false, ""},
         {"1.0", "Connection: Keep-Alive\r\n", false, ""}, // RFC 9112 §C.2.2
         {"1.0", "Connection: x\r\nConnection: keep-alive\r\n", false, ""},
         {"1.0", "Connection: keep-alive, close\r\n", false, ""},
         {"1.0", "Proxy-Connection: keep-alive\r\n", false, ""},
         {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, "websocket"},
         {"1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", true, "websocket"},
         {"1.1", "Upgrade: websocket\r\n", true, ""},
         {"1.1", "Connection: upgrade\r\n", true, ""},
         {"1.1", "Connection: upgrade\r\nReferer: x\r\n", true, ""}, // as long as Upgrade
         {"1.1", "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n", true, "a"},
         {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", false, ""}, // RFC 9110 §7.8
       }) {
    CAF_MESSAGE(version << " " << lines);
    request out;
    auto head = with(lines, version);
    CAF_REQUIRE(!decode_request(head, {}, out));
    CAF_CHECK_EQUAL(out.keep_alive, keep_alive);
    CAF_CHECK_EQUAL(out.upgrade, std::string{upgrade});
  }
}

CAF_TEST(the number of Connection options is limited) {
  auto options = [](size_t n) {
    std::string line = "Connection: ";
    while (n-- > 0)
      line += "x,";
    return with(line + "\r\n");
  };
  CAF_CHECK_EQUAL(outcome_of_request(options(32)), errc{});
  CAF_CHECK_EQUAL(outcome_of_request(options(33)), errc::malformed);
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

CAF_TEST(a request that shows who asks says so) {
  request out;
  CAF_REQUIRE(!decode_request(with("Authorization: Basic x\r\n"), {}, out));
  CAF_CHECK(out.authorization);
  CAF_REQUIRE(!decode_request(with("Authorisation: Basic x\r\n"), {}, out));
  CAF_CHECK(!out.authorization);
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
