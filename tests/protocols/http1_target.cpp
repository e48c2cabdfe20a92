#define CAF_SUITE protocols.http1_target
#include "protocols/http1/rewrite.hpp" // unit under test

#include "protocols/http1/decode.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;
using form = request_target::form;

namespace {

caf::error parse(std::string_view method, std::string_view target, std::string_view host,
                 request_target& out) {
  request req;
  req.method = method;
  req.target = target;
  if (host != "none")
    req.fields.push_back({"Host", host});
  return parse_target(req, out);
}

} // namespace

CAF_TEST(a target is taken apart) {
  struct row {
    std::string_view method, target, host;
    form kind;
    bool https;
    std::string_view name;
    uint16_t port;
    bool explicit_port;
    std::string_view path;
  };
  for (auto& r : std::initializer_list<row>{
         {"GET", "http://a.com/x?y", "a.com", form::absolute, false, "a.com", 80, false, "/x?y"},
         {"GET", "HTTP://A.com:8080/", "a.com:8080", form::absolute, false, "a.com", 8080, true,
          "/"},
         {"GET", "http://a.com", "a.com", form::absolute, false, "a.com", 80, false, "/"},
         {"GET", "http://a.com?q=/", "a.com", form::absolute, false, "a.com", 80, false, "?q=/"},
         {"GET", "https://a.com/", "a.com", form::absolute, true, "a.com", 443, false, "/"},
         {"GET", "http://[::1]:81/", "[::1]:81", form::absolute, false, "::1", 81, true, "/"},
         {"GET", "http://127.1/", "127.0.0.1", form::absolute, false, "127.0.0.1", 80, false, "/"},
         {"GET", "http://a.com/", "none", form::absolute, false, "a.com", 80, false, "/"},
         {"GET", "http://a.com/@b:c", "a.com", form::absolute, false, "a.com", 80, false, "/@b:c"},
         {"OPTIONS", "http://a.com", "a.com", form::absolute, false, "a.com", 80, false, "*"},
         {"OPTIONS", "http://a.com/", "a.com", form::absolute, false, "a.com", 80, false, "/"},
         {"OPTIONS", "*", "a.com:81", form::asterisk, false, "a.com", 81, true, "*"},
         {"GET", "/x", "a.com", form::origin, false, "a.com", 80, false, "/x"},
         {"GET", "//b.com/x", "a.com:443", form::origin, false, "a.com", 443, true, "//b.com/x"},
         {"CONNECT", "a.com:443", "a.com:443", form::authority, false, "a.com", 443, true, ""},
         {"CONNECT", "A.com.:8443", "a.com", form::authority, false, "a.com", 8443, true, ""},
         {"CONNECT", "[::1]:1", "none", form::authority, false, "::1", 1, true, ""},
         // Host agrees by meaning, not by bytes
         {"GET", "http://a.com/", "A.COM", form::absolute, false, "a.com", 80, false, "/"},
         {"GET", "http://a.com/", "a.com.", form::absolute, false, "a.com", 80, false, "/"},
         {"GET", "http://a.com/", "a.com:80", form::absolute, false, "a.com", 80, false, "/"},
         {"GET", "http://a.com:80/", "a.com", form::absolute, false, "a.com", 80, true, "/"},
         {"GET", "https://a.com/", "a.com:443", form::absolute, true, "a.com", 443, false, "/"},
         {"GET", "http://127.0.0.1/", "0x7f.1", form::absolute, false, "127.0.0.1", 80, false, "/"},
       }) {
    CAF_MESSAGE(r.method << " " << r.target << " to " << r.host);
    request_target out;
    auto err = parse(r.method, r.target, r.host, out);
    CAF_CHECK_EQUAL(err, caf::error{});
    CAF_CHECK(out.kind == r.kind);
    CAF_CHECK_EQUAL(out.https, r.https);
    CAF_CHECK_EQUAL(out.host.text(), std::string{r.name});
    CAF_CHECK_EQUAL(out.port, r.port);
    CAF_CHECK_EQUAL(out.explicit_port, r.explicit_port);
    CAF_CHECK_EQUAL(out.path, std::string{r.path});
  }
}

CAF_TEST(a target that is used again remembers nothing of the one before) {
  request_target out;
  CAF_REQUIRE(!parse("GET", "https://a.com:81/x", "none", out));
  CAF_REQUIRE(!parse("GET", "/y", "b.com", out));
  CAF_CHECK(!out.https);
  CAF_CHECK_EQUAL(out.port, 80u);
}

CAF_TEST(a target that is wrong or disagrees with Host is malformed) {
  constexpr std::string_view mismatch = "Host header does not match request target",
                             bad_host = "invalid Host header";
  struct row {
    std::string_view method, target, host, context; ///< "": any context.
  };
  for (auto& [method, target, host, context] : std::initializer_list<row>{
         {"GET", "http://a.com/", "b.com", mismatch},
         {"GET", "http://a.com/", "a.com:81", mismatch},
         {"GET", "http://a.com:81/", "a.com", mismatch},
         {"GET", "http://a.com:81/", "a.com:80", mismatch},
         {"GET", "http://a.com/", "a.com:443", mismatch},
         {"GET", "https://a.com/", "a.com:80", mismatch},
         {"GET", "http://a.com/", "x.a.com", mismatch},
         {"GET", "http://127.0.0.1/", "[::ffff:127.0.0.1]", mismatch},
         {"GET", "http://a.com/", "", bad_host},
         {"GET", "http://a.com/", "a.com, b.com", bad_host},
         {"GET", "http://a.com/", "u@a.com", bad_host},
         {"GET", "http://a.com/", "a.com/", bad_host},
         {"GET", "http://a.com/", "http://a.com", bad_host},
         {"CONNECT", "a.com:443", "b.com:443", mismatch},
         {"CONNECT", "a.com:443", "a.com:80", mismatch},
         {"CONNECT", "a.com:443", "b.com", mismatch},
         {"CONNECT", "a.com", "a.com", ""},
         {"CONNECT", "a.com:", "a.com", ""},
         {"CONNECT", "a.com:0", "a.com", "host: port outside 1 to 65535"},
         {"CONNECT", "a.com:65536", "a.com", ""},
         {"CONNECT", ":443", "a.com", ""},
         {"CONNECT", "::1:443", "[::1]:443", ""},
         {"CONNECT", "/", "a.com", ""},
         {"CONNECT", "*", "a.com", ""},
         {"CONNECT", "http://a.com:443/", "a.com", ""},
         {"CONNECT", "u@a.com:443", "a.com:443", ""},
         {"CONNECT", "a.com:443/", "a.com:443", ""},
         {"connect", "a.com:443", "a.com:443", ""}, // methods are case-sensitive
         {"GET", "a.com:443", "a.com", ""},
         {"GET", "a.com/", "a.com", ""},
         {"GET", "*", "a.com", ""},
         {"OPTIONS", "**", "a.com", ""},
         {"GET", "?q", "a.com", ""},
         {"GET", "", "a.com", ""},
         {"GET", "ftp://a.com/", "a.com",
          "the request target is a URI of the scheme ftp, and this proxy serves http and https"},
         {"GET", "ws://a.com/", "a.com",
          "the request target is a URI of the scheme ws, and this proxy serves http and https"},
         {"GET", "WSS://a.com/", "a.com",
          "the request target is a URI of the scheme WSS, and this proxy serves http and https"},
         {"GET", "git+ssh://a.com/", "a.com",
          "the request target is a URI of the scheme git+ssh, and this proxy serves http and "
          "https"},
         {"GET", "mailto:a@b.com", "a.com",
          "the request target is a URI of the scheme mailto, and this proxy serves http and https"},
         {"GET", "file:///etc/passwd", "a.com",
          "the request target is a URI of the scheme file, and this proxy serves http and https"},
         {"GET", "a1.b-c://x", "a.com",
          "the request target is a URI of the scheme a1.b-c, and this proxy serves http and https"},
         {"GET", "a_b://x", "a.com", "request target of unknown form"},
         {"GET", "abc", "a.com", "request target of unknown form"},
         {"GET", "a.com:", "a.com", "request target of unknown form"},
         {"GET", "a.com:8", "a.com", "request target of unknown form"},
         {"GET", "a.com:8/x", "a.com", "request target of unknown form"},
         {"GET", "a.com:80", "a.com", "request target of unknown form"},
         {"GET", "a.com:80/x", "a.com", "request target of unknown form"},
         {"GET", "1x://a.com/", "a.com", "request target of unknown form"},
         {"GET", "http:/a.com/", "a.com", ""},
         {"GET", "http:a.com", "a.com", ""},
         {"GET", "http:///x", "a.com", ""},
         {"GET", "http://:80/", "a.com", ""},
         {"GET", "http://a.com:/", "a.com", ""},
         {"GET", "http://u:p@a.com/", "a.com", ""},
         {"GET", "http://a.com@b.com/", "b.com", ""},
         {"GET", "http://a.com\\@b.com/", "b.com", ""},
         {"GET", "http://a.com#@b.com/", "a.com", ""},
         {"GET", "http://a.com/#x", "a.com", ""},
         {"GET", "/x#y", "a.com", ""},
         {"GET", "http://a%2ecom/", "a.com", ""},
         {"GET", "http://a.com/ x", "a.com", ""},
         {"GET", "http://a.com/\x7f", "a.com", ""},
         {"GET", "http://a.com/\xc3\xa9", "a.com", ""},
         {"GET", "http://b\xc3\xbc.com/", "xn--b-xga.com", ""},
         {"GET", "http://a.com/\r\nX: y", "a.com", ""},
         {"GET", "http://256.1.1.1/", "256.1.1.1", ""},
         {"GET", "/", "none", ""},
         {"GET", "/", "", bad_host},
         {"GET", "/", "a.com b.com", bad_host},
         {"OPTIONS", "*", "none", ""},
       }) {
    CAF_MESSAGE(method << " " << target << " to " << host);
    request_target out;
    auto err = parse(method, target, host, out);
    CAF_CHECK_EQUAL(err ? code_of(err) : errc{}, errc::malformed);
    if (!context.empty())
      CAF_CHECK_EQUAL(context_of(err), std::string{context});
  }
}
