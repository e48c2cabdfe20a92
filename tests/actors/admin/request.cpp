#define CAF_SUITE actors.admin.request
#include "actors/admin/request.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::admin;
using namespace proxy::test;

namespace {

caf::expected<request> read(std::string_view head) {
  http1::request scratch;
  return read_request(head, {}, scratch);
}

/// A GET of `path` with these fields, each with its line end.
request got(std::string_view fields, std::string_view path = "/config") {
  auto head = "GET " + std::string{path} + " HTTP/1.1\r\n" + std::string{fields} + "\r\n";
  return unbox(read(head));
}

} // namespace

CAF_TEST(a query is decoded and read by name) {
  auto q = unbox(
    query::parse("since=12&url=http%3A%2F%2Fa.example%2f%3Fx%3d1&word=a+b&empty=&flag&since=13"));
  CAF_CHECK_EQUAL(q.find("url").value_or("-"), "http://a.example/?x=1");
  CAF_CHECK_EQUAL(q.find("word").value_or("-"), "a b");
  CAF_CHECK_EQUAL(q.find("empty").value_or("-"), "");
  CAF_CHECK_EQUAL(q.find("flag").value_or("-"), "");
  CAF_CHECK_EQUAL(q.find("since").value_or("-"), "12");
  CAF_CHECK(!q.find("sinc"));
  auto both = q.all("since");
  CAF_CHECK_EQUAL(both, (std::vector<std::string>{"12", "13"}));
  CAF_CHECK(q.all("sinc").empty());
}

CAF_TEST(a broken percent encoding is refused) {
  for (auto text : {"a=%", "a=%4", "a=%zz", "%g1=a", "a=1&b=%4"}) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(error_of(query::parse(text)), errc::malformed);
  }
}

CAF_TEST(a number is decimal and within its bound) {
  struct row {
    std::string_view text;
    std::optional<uint64_t> value;
  };
  for (auto& [text, value] : std::initializer_list<row>{
         {"n=0", 0},
         {"n=100", 100},
         {"other=1", 7},
         {"n=101", std::nullopt},
         {"n=", std::nullopt},
         {"n=-1", std::nullopt},
         {"n=%2B1", std::nullopt},
         {"n=1x", std::nullopt},
         {"n=0x1", std::nullopt},
         {"n=99999999999999999999", std::nullopt},
       }) {
    CAF_MESSAGE(text);
    auto number = unbox(query::parse(text)).number("n", 7, 100);
    CAF_CHECK_EQUAL(static_cast<bool>(number), value.has_value());
    if (number && value)
      CAF_CHECK_EQUAL(*number, *value);
  }
}

CAF_TEST(a request is understood in every form that names the server) {
  struct row {
    std::string_view head, path, host;
  };
  for (auto& [head, path, host] : std::initializer_list<row>{
         {"GET /health HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", "/health", "127.0.0.1"},
         {"GET http://localhost:8080/health?x HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", "/health",
          "localhost"},
         {"GET /health HTTP/1.0\r\n\r\n", "/health", ""},
         {"GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n", "/health", "evil.example"},
       }) {
    CAF_MESSAGE(head);
    auto req = unbox(read(head));
    CAF_CHECK_EQUAL(req.path, path);
    CAF_CHECK_EQUAL(req.host ? req.host->host.text() : "", host);
  }
}

CAF_TEST(a request that cannot be read is malformed) {
  for (auto head : {"GET /health HTTP/1.1\r\n\r\n", "GET health HTTP/1.1\r\nHost: a\r\n\r\n",
                    "GET /a#b HTTP/1.0\r\n\r\n", "GET /a?x=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                    "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n"}) {
    CAF_MESSAGE(head);
    CAF_CHECK_EQUAL(error_of(read(head)), errc::malformed);
  }
}

CAF_TEST(only hosts that cannot be rebound may ask) {
  struct row {
    std::string_view host;
    admin::access outcome;
  };
  for (auto& [host, outcome] : std::initializer_list<row>{
         {"127.0.0.1:8080", admin::access::granted},
         {"192.0.2.7", admin::access::granted},
         {"[::1]:8080", admin::access::granted},
         {"localhost", admin::access::granted},
         {"LOCALHOST.:8080", admin::access::granted},
         {"evil.example", admin::access::foreign_host},
         {"127.0.0.1.evil.example", admin::access::foreign_host},
         {"x.localhost", admin::access::foreign_host},
       }) {
    CAF_MESSAGE(host);
    auto req = got("Host: " + std::string{host} + "\r\n");
    CAF_CHECK(check_access(req, false, "") == outcome);
    CAF_CHECK(check_access(req, true, "") == admin::access::granted);
  }
}

CAF_TEST(an origin must be the api itself) {
  struct row {
    std::string_view origin;
    admin::access outcome;
  };
  for (auto& [origin, outcome] : std::initializer_list<row>{
         {"http://127.0.0.1:8080", admin::access::granted},
         {"http://127.0.0.1", admin::access::foreign_origin},
         {"https://127.0.0.1:8080", admin::access::foreign_origin},
         {"http://evil.example", admin::access::foreign_origin},
         {"http://127.0.0.1:8080.evil.example", admin::access::foreign_origin},
         {"null", admin::access::foreign_origin},
         {"", admin::access::foreign_origin},
       }) {
    CAF_MESSAGE(origin);
    auto req = got("Host: 127.0.0.1:8080\r\nOrigin: " + std::string{origin} + "\r\n");
    CAF_CHECK(check_access(req, false, "") == outcome);
    CAF_CHECK(check_access(req, true, "") == outcome);
  }
}

CAF_TEST(a probe of health needs a token for its details alone) {
  struct row {
    std::string_view path;
    bool free;
  };
  for (auto& [path, free] : std::initializer_list<row>{
         {"/livez", true},
         {"/readyz", true},
         {"/healthz", true},
         {"/readyz/ca", true},
         {"/readyz/nothing", true},
         {"/readyz?verbose", false},
         {"/livez?verbose=json", false},
         {"/healthz?a=b&verbose", false},
         {"/readyz/ca?verbose", false},
         {"/readyz?%76erbose", false},
         {"/readyzz", false},
         {"//readyz", false},
         {"/config/readyz", false},
       }) {
    CAF_MESSAGE(path);
    auto outcome = check_access(got("Host: localhost\r\n", std::string{path}), false, "secret");
    CAF_CHECK(outcome == (free ? admin::access::granted : admin::access::no_token));
  }
}

CAF_TEST(a token is asked for everywhere but on health) {
  struct row {
    std::string_view authorization;
    bool fits;
  };
  for (auto& [authorization, fits] : std::initializer_list<row>{
         {"Bearer secret", true},
         {"bearer  secret ", true},
         {"Bearer Secret", false},
         {"Bearer secret2", false},
         {"Bearer secre", false},
         {"Bearer ", false},
         {"Bearer", false},
         {"Basic secret", false},
         {"secret", false},
         {"", false},
       }) {
    CAF_MESSAGE(authorization);
    auto fields = "Host: localhost\r\nAuthorization: " + std::string{authorization} + "\r\n";
    CAF_CHECK(check_access(got(fields), false, "secret") ==
              (fits ? admin::access::granted : admin::access::no_token));
    CAF_CHECK(check_access(got(fields), true, "secret") ==
              (fits ? admin::access::granted : admin::access::no_token));
    CAF_CHECK(check_access(got(fields, "/health"), false, "secret") == admin::access::granted);
  }
  CAF_CHECK(check_access(got("Host: localhost\r\n"), false, "secret") == admin::access::no_token);
  CAF_CHECK(check_access(got("Host: localhost\r\n", "/health/"), false, "secret") ==
            admin::access::no_token);
}
