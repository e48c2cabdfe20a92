#define CAF_SUITE protocols.http1_rewrite
#include "protocols/http1/rewrite.hpp" // unit under test

#include "protocols/http1/decode.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;

namespace {

/// A decoded request beside the bytes that it views.
struct parsed_request {
  explicit parsed_request(std::string text) : head(std::move(text)) {
    auto err = decode_request(head, {}, req);
    CAF_REQUIRE_EQUAL(err, caf::error{});
  }
  parsed_request(const parsed_request&) = delete;

  std::string head;
  request req;
};

/// The head that goes upstream for a request with these field lines behind Host.
std::string forwarded(std::string_view start, std::string_view lines,
                      const rewrite_options& options = {}) {
  parsed_request parsed{std::string{start} + "\r\nHost: a.com\r\n" + std::string{lines} + "\r\n"};
  request_target target;
  CAF_REQUIRE(!parse_target(parsed.req, target));
  std::string out;
  rewrite_request(parsed.req, target, options, out);
  return out;
}

/// The fields behind Host that go upstream for a GET with these field lines.
std::string forwarded_fields(std::string_view lines, const rewrite_options& options = {}) {
  constexpr std::string_view start = "GET / HTTP/1.1\r\nHost: a.com\r\n";
  auto out = forwarded("GET http://a.com/ HTTP/1.1", lines, options);
  CAF_REQUIRE(out.starts_with(start) && out.ends_with("\r\n\r\n"));
  return out.substr(start.size(), out.size() - start.size() - 2);
}

/// The head that goes to the client for a response.
std::string returned(std::string_view start, std::string_view lines,
                     const rewrite_options& options = {}, bool to_head = false) {
  auto head = std::string{start} + "\r\n" + std::string{lines} + "\r\n";
  response res;
  CAF_REQUIRE(!decode_response(head, {}, to_head, false, res));
  std::string out;
  rewrite_response(res, options, out);
  return out;
}

} // namespace

CAF_TEST(a request goes out in origin - form with Host from the target first) {
  CAF_CHECK_EQUAL(forwarded("GET http://a.com/x?y HTTP/1.1", "Accept: */*\r\nX: y\r\n"),
                  "GET /x?y HTTP/1.1\r\nHost: a.com\r\nAccept: */*\r\nX: y\r\n\r\n"s);
  CAF_CHECK_EQUAL(forwarded("GET http://A.com:80 HTTP/1.0", ""),
                  "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n"s);
  CAF_CHECK_EQUAL(forwarded("GET http://a.com?q HTTP/1.1", ""),
                  "GET /?q HTTP/1.1\r\nHost: a.com\r\n\r\n"s);
  CAF_CHECK_EQUAL(forwarded("OPTIONS http://a.com HTTP/1.1", ""),
                  "OPTIONS * HTTP/1.1\r\nHost: a.com\r\n\r\n"s);
  CAF_CHECK_EQUAL(forwarded("POST / HTTP/1.1", "Content-Length: 2\r\nA: b\r\n"),
                  "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 2\r\nA: b\r\n\r\n"s);
}

CAF_TEST(a length that was said twice in a line is said once) {
  CAF_CHECK_EQUAL(returned("HTTP/1.1 200 OK", "Content-Length: 5, 5\r\nContent-Length: 5\r\n"),
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"s);
}

CAF_TEST(Host is written from the target) {
  struct row {
    std::string_view url, host, written;
  };
  for (auto [url, host, written] : std::initializer_list<row>{
         {"http://a.com:8080/", "A.com:8080", "a.com:8080"},
         {"https://a.com:443/", "a.com", "a.com"},
         {"https://a.com:80/", "a.com:80", "a.com:80"},
         {"http://[2001:DB8::1]:81/", "[2001:db8::1]:81", "[2001:db8::1]:81"},
         {"http://[fe80::1%25eth0]/", "[fe80::1%25eth0]", "[fe80::1]"}, // the scope is ours alone
         {"http://2130706433/", "127.0.0.1", "127.0.0.1"},
       }) {
    CAF_MESSAGE(url);
    parsed_request parsed{"GET " + std::string{url} + " HTTP/1.1\r\nHost: " + std::string{host} +
                          "\r\n\r\n"};
    request_target target;
    CAF_REQUIRE(!parse_target(parsed.req, target));
    std::string out;
    rewrite_request(parsed.req, target, {}, out);
    CAF_CHECK_EQUAL(out, "GET / HTTP/1.1\r\nHost: " + std::string{written} + "\r\n\r\n");
  }
}

CAF_TEST(a head is appended to what is there) {
  parsed_request parsed{"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n"};
  request_target target;
  CAF_REQUIRE(!parse_target(parsed.req, target));
  std::string out = "before";
  rewrite_request(parsed.req, target, {}, out);
  CAF_CHECK_EQUAL(out, "beforeGET / HTTP/1.1\r\nHost: a.com\r\n\r\n"s);
}

CAF_TEST(where neither target nor Host counts the path is taken and Host is kept as it came) {
  struct row {
    std::string_view method, target, path; ///< path "": malformed
  };
  for (auto [method, target, path] : std::initializer_list<row>{
         {"GET", "http://any.example/v1/x?y=http://z/", "/v1/x?y=http://z/"},
         {"GET", "https://any.example", "/"},
         {"GET", "http://[bad/x", "/x"},
         {"GET", "http://a b@c:99999?q", "" /* a blank ends the target before */},
         {"GET", "http://any.example?q=/", "/?q=/"},
         {"GET", "/v1//x/../y", "/v1//x/../y"},
         {"OPTIONS", "*", "*"},
         {"OPTIONS", "http://any.example/x", "/x"},
         {"GET", "*", ""},
         {"GET", "ftp://any.example/x", ""},
         {"GET", "any.example:80", ""},
         {"GET", "", ""},
         {"GET", "/x#y", ""},
         {"GET", "/\x7f", ""},
         {"GET", "/\xc3\xa9", ""},
       }) {
    CAF_MESSAGE(method << ' ' << target);
    request req;
    req.method = method;
    req.target = target;
    auto got = path_of_target(req);
    if (path.empty())
      CAF_CHECK_EQUAL(proxy::test::error_of(got), errc::malformed);
    else
      CAF_CHECK_EQUAL(got ? *got : "none", std::string{path});
  }
  auto kept = forwarded("GET http://a.com/x HTTP/1.1", "", {.host = "%2Frun%2Fa.sock"});
  CAF_CHECK_EQUAL(kept, "GET /x HTTP/1.1\r\nHost: %2Frun%2Fa.sock\r\n\r\n"s);
}

CAF_TEST(hop - by - hop fields stay behind) {
  struct row {
    std::string_view lines, forwarded;
  };
  for (auto [lines, expected] : std::initializer_list<row>{
         {"Connection: keep-alive\r\nKeep-Alive: 5\r\nA: b\r\n", "A: b\r\n"},
         {"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic x\r\nProxy-Authenticate: "
          "x\r\nA: b\r\n",
          "A: b\r\n"},
         {"PROXY-AUTHORIZATION: Basic x\r\nX-UNIX-Socket: /s\r\nA: b\r\n", "A: b\r\n"},
         {"x_unix_socket: /s\r\nX-Unix_Socket: /t\r\nx-unix-sockets: /u\r\n",
          "x-unix-sockets: /u\r\n"},
         {"Upgrade: websocket\r\nConnection: upgrade\r\nA: b\r\n", "A: b\r\n"},
         {"Connection: X-One, x-two\r\nX-One: 1\r\nX-TWO: 2\r\nX-Three: 3\r\n", "X-Three: 3\r\n"},
         {"X-One: 1\r\nConnection: close\r\nConnection:\tx-one ,\r\nA: b\r\n",
          "A: b\r\n"}, // every line, wherever
         {"Connection: X\r\nX-Y: 1\r\n", "X-Y: 1\r\n"},
         // what frames, routes or authenticates is not a client's to remove
         {"Connection: Content-Length, Cookie, Authorization\r\nContent-Length: 1\r\nCookie: "
          "c\r\nAuthorization: a\r\n",
          "Content-Length: 1\r\nCookie: c\r\nAuthorization: a\r\n"},
         {"Connection: Host\r\nA: b\r\n", "A: b\r\n"},
         {"Connection: Transfer-Encoding\r\nTransfer-Encoding: Chunked\r\n",
          "Transfer-Encoding: chunked\r\n"},
         {"Content-Length: 5\r\nA: b\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nA: b\r\n"},
         {"TE: gzip\r\n", ""},
         {"TE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n", "TE: trailers\r\nConnection: TE\r\n"},
         {"Trailer: X\r\n", "Trailer: X\r\n"},
         {"Expect: 100-continue\r\nContent-Length: 1\r\n",
          "Expect: 100-continue\r\nContent-Length: 1\r\n"},
         {"X-Forwarded-For: 1\r\nForwarded: for=1\r\n",
          "X-Forwarded-For: 1\r\nForwarded: for=1\r\n"},
         {"Max-Forwards: 3\r\n", "Max-Forwards: 3\r\n"}, // counted for OPTIONS and TRACE only
         {"A:\r\nB:  c \r\n", "A: \r\nB: c\r\n"},
       }) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(forwarded_fields(lines), std::string{expected});
  }
}

CAF_TEST(options add Connection and Via and keep Upgrade) {
  struct row {
    std::string_view lines;
    rewrite_options options;
    std::string_view forwarded;
  };
  constexpr std::string_view websocket =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nA: b\r\n";
  for (auto& [lines, options, expected] : std::initializer_list<row>{
         {"A: b\r\n", {"", false, true}, "A: b\r\nConnection: close\r\n"},
         {"A: b\r\n", {"me", false, false}, "A: b\r\nVia: 1.1 me\r\n"},
         {"Via: 1.0 b\r\nA: b\r\n", {"me", false, false}, "Via: 1.0 b\r\nA: b\r\nVia: 1.1 me\r\n"},
         {"Connection: Via\r\nVia: 1.0 b\r\n", {"", false, false}, "Via: 1.0 b\r\n"},
         {websocket, {"", true, false}, "A: b\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"},
         {"A: b\r\n", {"", true, false}, "A: b\r\n"},
         {"Upgrade: x\r\n", {"", true, false}, ""}, // Connection does not name it
         {"Connection: upgrade\r\nUpgrade: x\r\nTE: trailers\r\n",
          {"", true, true},
          "TE: trailers\r\nUpgrade: x\r\nConnection: close, TE, upgrade\r\n"},
       }) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(forwarded_fields(lines, options), std::string{expected});
  }
}

CAF_TEST(a head that has passed a proxy tells so in any of its Via lines) {
  struct row {
    std::string_view lines;
    bool passed;
    std::string_view kept;
  };
  for (auto& [lines, passed, kept] : std::initializer_list<row>{
         {"A: me-01\r\n", false, ""},
         {"Via: 1.1 me\r\n", false, "Via: 1.1 me\r\n"}, // the same product, another process
         {"Via: 1.1 me-02\r\n", false, "Via: 1.1 me-02\r\n"},
         {"Via: 1.1 me-01\r\n", true, "Via: 1.1 me-01\r\n"},
         {"vIA: HTTP/1.1 me-01 (a, b)\r\n", true, "Via: HTTP/1.1 me-01 (a, b)\r\n"},
         {"Via: 1.0 a,1.1 me-01, 2.0 b\r\n", true, "Via: 1.0 a,1.1 me-01, 2.0 b\r\n"},
         {"Via: 1.0 a\r\nB: c\r\nVia: 1.1 me-01\r\n", true, "Via: 1.0 a\r\nVia: 1.1 me-01\r\n"},
         {"Connection: Via\r\nVia: 1.1 me-01\r\n", true, "Via: 1.1 me-01\r\n"},
         {"Via:\r\n", false, "Via: \r\n"},
       }) {
    CAF_MESSAGE(lines);
    parsed_request parsed{"GET / HTTP/1.1\r\nHost: a.com\r\n" + std::string{lines} + "\r\n"};
    CAF_CHECK_EQUAL(has_passed(parsed.req, "me-01"), passed);
    std::string out;
    append_via_lines(parsed.req, out);
    CAF_CHECK_EQUAL(out, std::string{kept});
  }
}

CAF_TEST(Via tells the version that was received) {
  auto out = forwarded("GET / HTTP/1.0", "", {"me", false, false});
  CAF_CHECK_EQUAL(out, "GET / HTTP/1.1\r\nHost: a.com\r\nVia: 1.0 me\r\n\r\n"s);
}

CAF_TEST(Max-Forwards is counted down for OPTIONS and TRACE) {
  auto hops = [](std::string_view method, std::string_view value) {
    auto out = forwarded(std::string{method} + " / HTTP/1.1",
                         "Max-Forwards: " + std::string{value} + "\r\n");
    auto start = out.find("Max-Forwards: ") + 14;
    return out.substr(start, out.find('\r', start) - start);
  };
  CAF_CHECK_EQUAL(hops("TRACE", "10"), "9"s);
  CAF_CHECK_EQUAL(hops("OPTIONS", "1"), "0"s);
  CAF_CHECK_EQUAL(hops("OPTIONS", "0"), "0"s);
  CAF_CHECK_EQUAL(hops("OPTIONS", "x"), "x"s);
  CAF_CHECK_EQUAL(hops("GET", "10"), "10"s);
}

CAF_TEST(an upstream proxy gets the absolute - form) {
  auto send = [](std::string_view start, std::string_view credentials) {
    parsed_request parsed{std::string{start} +
                          "\r\nHost: a.com:81\r\nProxy-Authorization: client\r\nA: b\r\n\r\n"};
    request_target target;
    CAF_REQUIRE(!parse_target(parsed.req, target));
    std::string out;
    rewrite_request_for_proxy(parsed.req, target, {}, credentials, out);
    return out;
  };
  CAF_CHECK_EQUAL(send("GET http://A.com:81/x HTTP/1.1", ""),
                  "GET http://a.com:81/x HTTP/1.1\r\nHost: a.com:81\r\nA: b\r\n\r\n"s);
  CAF_CHECK_EQUAL(
    send("GET /x HTTP/1.1", "Basic eA=="),
    "GET http://a.com:81/x HTTP/1.1\r\nHost: a.com:81\r\nA: b\r\nProxy-Authorization: Basic eA==\r\n\r\n"s);
  CAF_CHECK_EQUAL(send("GET https://a.com:81?q HTTP/1.1", ""),
                  "GET https://a.com:81?q HTTP/1.1\r\nHost: a.com:81\r\nA: b\r\n\r\n"s);
  CAF_CHECK_EQUAL(send("OPTIONS http://a.com:81 HTTP/1.1", ""),
                  "OPTIONS http://a.com:81 HTTP/1.1\r\nHost: a.com:81\r\nA: b\r\n\r\n"s);
}

CAF_TEST(a response is framed as it came and cleaned as a request is) {
  struct row {
    std::string_view start, lines, returned;
  };
  for (auto [start, lines, expected] : std::initializer_list<row>{
         {"HTTP/1.1 200 OK", "Content-Length: 3\r\nA: b\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\n"},
         {"HTTP/1.1 200 OK", "Transfer-Encoding: CHUNKED\r\nA: b\r\n",
          "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"},
         {"HTTP/1.0 200 Fine", "A: b\r\n", "HTTP/1.1 200 Fine\r\nA: b\r\n\r\n"},
         {"HTTP/1.1 200", "Content-Length: 0\r\nContent-Length: 0\r\n",
          "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
         {"HTTP/1.1 304 Not Modified", "Content-Length: 9\r\n",
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
         {"HTTP/1.1 204 No", "Content-Length: 9\r\n", "HTTP/1.1 204 No\r\n\r\n"},
         {"HTTP/1.1 103 Hints", "Content-Length: 9\r\nLink: x\r\n",
          "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"},
         {"HTTP/1.1 200 OK",
          "Content-Length: 0\r\nConnection: close, X\r\nX: y\r\nKeep-Alive: "
          "5\r\nProxy-Authenticate: z\r\n"
          "Proxy-Connection: close\r\nUpgrade: h2c\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"},
         {"HTTP/1.1 200 OK",
          "Content-Length: 0\r\nConnection: content-length, set-cookie\r\nSet-Cookie: a\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a\r\n\r\n"},
       }) {
    CAF_MESSAGE(start << " " << lines);
    CAF_CHECK_EQUAL(returned(start, lines), std::string{expected});
  }
}

CAF_TEST(a response to HEAD keeps its length) {
  CAF_CHECK_EQUAL(returned("HTTP/1.1 200 OK", "Content-Length: 9\r\n", {}, true),
                  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"s);
}

CAF_TEST(nobody else speaks as our Proxy - Status) {
  struct row {
    std::string_view value, left; ///< "-": no field is left.
  };
  for (auto [value, left] : std::initializer_list<row>{
         {"cdn.example; error=x", "cdn.example; error=x"},
         {"codex-network-proxy; error=http_request_denied", "-"},
         {"Codex-Network-Proxy", "-"},
         {"\"codex-network-proxy\"; error=x", "-"},
         {"a; details=\"x, codex-network-proxy\", codex-network-proxy ;b, c",
          "a; details=\"x, codex-network-proxy\", c"},
         {"a; details=\"\\\", codex-network-proxy\"", "a; details=\"\\\", codex-network-proxy\""},
         {"codex-network-proxy2", "codex-network-proxy2"},
         {" , ,", "-"},
         // A string that does not end would swallow the next line, or not.
         {"a; details=\"x, codex-network-proxy; error=y", "-"},
         {"\", codex-network-proxy; error=y", "-"},
         {"a; details=\"x\\", "-"},
         // Neither token nor string: nobody's.
         {"(codex-network-proxy), a", "a"},
         {"\"codex-network\\-proxy\"; error=x", "-"},
         {"\" codex-network-proxy \"", "-"},
         {"\"a;b\"; error=x, \"codex\" x", "\"a;b\"; error=x"},
         {"codex-network-proxy\t;error=x", "-"},
       }) {
    CAF_MESSAGE(value);
    auto out = returned("HTTP/1.1 200 OK",
                        "Content-Length: 0\r\nProxy-Status: " + std::string{value} + "\r\n");
    auto line = left == "-" ? ""s : "Proxy-Status: " + std::string{left} + "\r\n";
    CAF_CHECK_EQUAL(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line + "\r\n");
  }
}

CAF_TEST(no origin says what only the proxy says) {
  constexpr std::string_view forged = "X-Proxy-Error: blocked-by-policy\r\nX_Proxy_Error: x\r\n"
                                      "x-request-id: 1\r\nX_REQUEST_ID: 1\r\nproxy_status: "
                                      "codex-network-proxy; error=x\r\nKeep: me\r\n";
  for (std::string_view start :
       {"HTTP/1.1 204 No", "HTTP/1.1 103 Early", "HTTP/1.1 101 Up", "HTTP/1.1 304 No"}) {
    auto out = returned(start, forged);
    CAF_CHECK_EQUAL(out, std::string{start} + "\r\nKeep: me\r\n\r\n");
  }
  CAF_CHECK_EQUAL(forwarded_fields("X-Request-Id: 1\r\n"), "X-Request-Id: 1\r\n"); // a client may
}

CAF_TEST(fields go in every spelling) {
  std::vector<std::string> strip{"x-strip"};
  std::vector<field> set{{"Api-Key", "s3cret"}};
  CAF_CHECK_EQUAL(forwarded_fields("x_strip: 1\r\nX_Strip: 2\r\nX.strip: 3\r\nAPI_KEY: 4\r\n"
                                   "api-key: 5\r\nxstrip: 6\r\nx-strip-2: 7\r\n",
                                   {.via = {}, .strip = strip, .set = set}),
                  "xstrip: 6\r\nx-strip-2: 7\r\nApi-Key: s3cret\r\n");
}

CAF_TEST(trailers go on without what they must not say) {
  constexpr std::string_view lines =
    "A: 1\r\nX-Request-Id: 2\r\nx_proxy_error: 3\r\nProxy-Status: codex-network-proxy\r\n"
    "Proxy-Status: cdn, codex-network-proxy\r\nProxy-Authentication-Info: 4\r\nApi_Key: 5\r\n"
    "x-unix-socket: /x\r\nB:  6 \r\n";
  std::string out = "before";
  rewrite_trailers(lines, {.of_response = true}, out);
  CAF_CHECK_EQUAL(out, "beforeA: 1\r\nProxy-Status: cdn\r\nApi_Key: 5\r\nB: 6\r\n");
  out.clear();
  rewrite_trailers(lines, {.of_response = false, .strip = {"api-key"}}, out);
  CAF_CHECK_EQUAL(out, "A: 1\r\nX-Request-Id: 2\r\nProxy-Status: cdn\r\nB: 6\r\n");
}

CAF_TEST(a client is told whether the connection stays) {
  struct row {
    std::string_view start, lines;
    rewrite_options options;
    std::string_view added;
  };
  constexpr std::string_view upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  for (auto& [start, lines, options, added] : std::initializer_list<row>{
         {"HTTP/1.1 404 No", "", {"", false, true}, "Connection: close\r\n"},
         {"HTTP/1.1 204 No", "", {"", false, false}, ""},
         {"HTTP/1.1 100 Go", "", {"", false, true}, ""}, // the final response tells
         {"HTTP/1.1 204 No", "", {"me", false, false}, "Via: 1.1 me\r\n"},
         {"HTTP/1.0 204 No", "", {"me", false, false}, "Via: 1.0 me\r\n"},
         {"HTTP/1.1 101 Up",
          upgrade,
          {"", true, false},
          "Upgrade: websocket\r\nConnection: upgrade\r\n"},
         {"HTTP/1.1 101 Up", upgrade, {"", false, false}, ""},
       }) {
    CAF_MESSAGE(start << " " << lines);
    CAF_CHECK_EQUAL(returned(start, lines, options),
                    std::string{start}.replace(5, 3, "1.1") + "\r\n" + std::string{added} + "\r\n");
  }
}
