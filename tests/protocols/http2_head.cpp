#define CAF_SUITE protocols.http2.head

#include "protocols/http2/head.hpp" // unit under test

#include "protocols/websocket.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http2;

namespace {

using pairs = std::initializer_list<std::pair<std::string_view, std::string_view>>;

field_section section(pairs fields, http1::head_limits limits = {}) {
  field_section out{limits};
  for (auto [name, value] : fields)
    out.add(name, value);
  return out;
}

/// The HTTP/1.1 spelling of a request, or "no request".
std::string request_text(pairs fields, bool ended = true) {
  exchange_facts facts;
  auto spelled = spell_request(section(fields), ended, facts);
  return spelled ? spelled->text : "no request";
}

std::string response_text(pairs fields, bool ended = false, bool to_head = false) {
  exchange_facts facts;
  facts.to_head = to_head;
  auto spelled = spell_response(section(fields), ended, facts);
  return spelled ? spelled->text : "no response";
}

std::string lines(const std::vector<field>& fields) {
  std::string out;
  for (const auto& f : fields)
    out.append(f.name).append("=").append(f.value).append("\n");
  return out;
}

} // namespace

CAF_TEST(a request is spelled with its host first and its body framed) {
  struct row {
    pairs fields;
    bool ended;
    std::string_view text;
  };
  const row rows[] = {
    {{{":method", "GET"}, {":scheme", "https"}, {":authority", "a:8443"}, {":path", "/x?y"}},
     true,
     "GET /x?y HTTP/1.1\r\nHost: a:8443\r\n\r\n"},
    {{{":method", "POST"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
     true,
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {{{":method", "POST"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
     false,
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {{{":method", "PUT"},
      {":scheme", "https"},
      {":authority", "a"},
      {":path", "/"},
      {"content-length", "3"}},
     false,
     "PUT / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\n"},
    {{{":method", "OPTIONS"}, {":scheme", "https"}, {":authority", "a"}, {":path", "*"}},
     true,
     "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    // Cookies come in pieces, and the one hop-by-hop field there is stays one.
    {{{":method", "GET"},
      {":scheme", "https"},
      {":authority", "a"},
      {":path", "/"},
      {"cookie", "x=1"},
      {"te", "trailers"},
      {"cookie", "y=2"}},
     true,
     "GET / HTTP/1.1\r\nHost: a\r\ncookie: x=1; y=2\r\nTE: trailers\r\n\r\n"},
    // Only Host names the target.
    {{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "b"}},
     true,
     "GET / HTTP/1.1\r\nHost: b\r\n\r\n"},
    // Host and authority disagree: for the decoder to refuse.
    {{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}, {"host", "b"}},
     true,
     "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    // Another scheme stays visible: for the target's judge to refuse.
    {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}},
     true,
     "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {{{":method", "CONNECT"}, {":authority", "a:443"}},
     false,
     "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
    {{{":method", "CONNECT"},
      {":protocol", "connect-udp"},
      {":scheme", "https"},
      {":authority", "a"},
      {":path", "/"}},
     false,
     "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"},
  };
  for (const auto& r : rows)
    CAF_CHECK_EQUAL(request_text(r.fields, r.ended), r.text);
}

CAF_TEST(what would be another request in HTTP / 1.1 is none) {
  const pairs rows[] = {
    {{":method", "GE T"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
    {{":method", "GET"},
     {":scheme", "https"},
     {":authority", "a"},
     {":path", "/ HTTP/1.1\r\nx: y"}},
    {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", ""}},
    {{":method", "GET"},
     {":scheme", "https"},
     {":authority", "a"},
     {":path", "/"},
     {"x", "1\r\ny: 2"}},
    {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}, {"x: y", "1"}},
    {{":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
    {{":method", "CONNECT"},
     {":protocol", "websocket"},
     {":scheme", "https"},
     {":authority", "a"},
     {":path", "/"},
     {"content-lengtH", "12"}},
    {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}, {"X", "1"}},
  };
  for (const auto& r : rows)
    CAF_CHECK_EQUAL(request_text(r), "no request");
}

CAF_TEST(a section beyond a limit is a head beyond the limit) {
  http1::head_limits limits{200, 6};
  const pairs start{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}};
  exchange_facts facts;
  auto many = section(start, limits);
  for (auto i = 0; i < 6; ++i)
    many.add("x", "y");
  auto spelled = spell_request(many, true, facts);
  CAF_REQUIRE(spelled.has_value());
  http1::request req;
  auto err = http1::decode_request(spelled->text, limits, req);
  CAF_CHECK_EQUAL(code_of(err), errc::head_too_large);
  CAF_CHECK_EQUAL(context_of(err), http1::too_many_fields(6));
  auto large = section(start, limits);
  large.add("a-long-name", std::string(200, 'v'));
  spelled = spell_request(large, true, facts);
  CAF_REQUIRE(spelled.has_value());
  CAF_CHECK(spelled->text.size() > limits.max_bytes);
  CAF_CHECK(!http1::find_head_end(spelled->text));
  auto answer = section({{":status", "200"}}, limits);
  for (auto i = 0; i < 7; ++i)
    answer.add("x", "y");
  spelled = spell_response(answer, true, facts);
  CAF_REQUIRE(spelled.has_value());
  http1::response res;
  err = http1::decode_response(spelled->text, limits, false, false, res);
  CAF_CHECK_EQUAL(context_of(err), http1::too_many_fields(6));
}

CAF_TEST(cookies that come in pieces are one field) {
  http1::head_limits limits{1000, 3};
  const pairs start{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}};
  exchange_facts facts;
  auto in = section(start, limits);
  std::string all;
  for (auto i = 0; i < 100; ++i) {
    in.add("cookie", "a=" + std::to_string(i % 10));
    all += (i > 0 ? "; a=" : "a=") + std::to_string(i % 10);
  }
  in.add("x", "y");
  auto spelled = spell_request(in, true, facts);
  CAF_REQUIRE(spelled.has_value());
  CAF_CHECK_EQUAL(spelled->text,
                  "GET / HTTP/1.1\r\nHost: a\r\ncookie: " + all + "\r\nx: y\r\n\r\n");
  // They are as long as they are.
  auto large = section(start, limits);
  for (auto i = 0; i < 200; ++i)
    large.add("cookie", "a=12345");
  CAF_CHECK(large.too_large() == field_section::excess::bytes);
}

CAF_TEST(a WebSocket is an upgrade in HTTP / 1.1 and an extended CONNECT in HTTP / 2) {
  exchange_facts client;
  auto upgrade = spell_request(section({{":method", "CONNECT"},
                                        {":protocol", "websocket"},
                                        {":scheme", "https"},
                                        {":authority", "a"},
                                        {":path", "/ws"},
                                        {"sec-websocket-version", "13"}}),
                               false, client);
  CAF_REQUIRE(upgrade.has_value());
  CAF_CHECK(upgrade->body == http1::framing::until_close);
  http1::request req;
  CAF_REQUIRE(!http1::decode_request(upgrade->text, {}, req));
  CAF_CHECK_EQUAL(req.method, "GET");
  CAF_CHECK_EQUAL(req.upgrade, "websocket");
  CAF_CHECK_EQUAL(std::string{req.find("sec-websocket-key").value_or("")}, client.websocket_key);
  exchange_facts upstream;
  CAF_CHECK_EQUAL(lines(to_fields(req, upstream)),
                  ":method=CONNECT\n:protocol=websocket\n:scheme=https\n:authority=a\n:path=/ws\n"
                  "sec-websocket-version=13\n");
  auto switched = spell_response(section({{":status", "200"}}), false, upstream);
  CAF_REQUIRE(switched.has_value());
  http1::response res;
  CAF_REQUIRE(!http1::decode_response(switched->text, {}, false, false, res));
  CAF_CHECK_EQUAL(res.status, 101);
  CAF_CHECK_EQUAL(lines(to_fields(res, client)), ":status=200\n");
  client.websocket_key = websocket::make_key(); // another handshake's
  CAF_CHECK(to_fields(res, client).empty());
}

CAF_TEST(the key of RFC 6455 has the answer of RFC 6455) {
  CAF_CHECK_EQUAL(websocket::accept_for("dGhlIHNhbXBsZSBub25jZQ=="),
                  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CAF_CHECK_EQUAL(websocket::make_key().size(), 24u);
  CAF_CHECK_NOT_EQUAL(websocket::make_key(), websocket::make_key());
}

CAF_TEST(a response is framed as its fields and its end say) {
  CAF_CHECK_EQUAL(response_text({{":status", "200"}, {"content-length", "5"}, {"x", "y"}}),
                  "HTTP/1.1 200 \r\ncontent-length: 5\r\nx: y\r\n\r\n");
  CAF_CHECK_EQUAL(response_text({{":status", "200"}}),
                  "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n");
  CAF_CHECK_EQUAL(response_text({{":status", "200"}}, true),
                  "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK_EQUAL(response_text({{":status", "204"}}, true), "HTTP/1.1 204 \r\n\r\n");
  CAF_CHECK_EQUAL(response_text({{":status", "103"}, {"link", "x"}}),
                  "HTTP/1.1 103 \r\nlink: x\r\n\r\n");
  CAF_CHECK_EQUAL(response_text({{":status", "200"}, {"content-length", "5"}}, true, true),
                  "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n");
  // What announces trailers travels in chunks, which carry them.
  CAF_CHECK_EQUAL(response_text({{":status", "200"}, {"content-length", "5"}, {"trailer", "t"}}),
                  "HTTP/1.1 200 \r\ntrailer: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (auto status : {"101", "20", "2000", "abc"})
    CAF_CHECK_EQUAL(response_text({{":status", status}}), "no response");
}

CAF_TEST(a head that goes on has no fields of a connection) {
  http1::request req;
  CAF_REQUIRE(!http1::decode_request("POST /p HTTP/1.1\r\nHost: a:8443\r\nAccept: */*\r\nX-A: B\r\n"
                                     "Transfer-Encoding: chunked\r\nTE: trailers\r\n"
                                     "Connection: TE\r\n\r\n",
                                     {}, req));
  exchange_facts facts;
  CAF_CHECK_EQUAL(lines(to_fields(req, facts)),
                  ":method=POST\n:scheme=https\n:authority=a:8443\n:path=/p\naccept=*/*\nx-a=B\n"
                  "te=trailers\n");
  http1::response res;
  CAF_REQUIRE(!http1::decode_response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-A: B\r\n"
                                      "Connection: close\r\n\r\n",
                                      {}, false, false, res));
  CAF_CHECK_EQUAL(lines(to_fields(res, facts)), ":status=200\ncontent-length=1\nx-a=B\n");
}

CAF_TEST(an empty body is told by the end of the stream unless the response is to HEAD) {
  http1::response res;
  CAF_REQUIRE(
    !http1::decode_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {}, false, false, res));
  exchange_facts facts;
  CAF_CHECK_EQUAL(lines(to_fields(res, facts)), ":status=200\n");
  CAF_REQUIRE(
    !http1::decode_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {}, true, false, res));
  CAF_CHECK_EQUAL(lines(to_fields(res, facts)), ":status=200\ncontent-length=0\n");
}

CAF_TEST(trailers go both ways without what may not stand there) {
  auto text = spell_trailers(
    section({{"grpc-status", "0"}, {"content-length", "5"}, {"X", "z"}, {"x", "y"}}));
  CAF_CHECK_EQUAL(text, "grpc-status: 0\r\nx: y\r\n");
  CAF_CHECK_EQUAL(lines(to_trailer_fields(text)), "grpc-status=0\nx=y\n");
  CAF_CHECK(to_trailer_fields("").empty());
}
