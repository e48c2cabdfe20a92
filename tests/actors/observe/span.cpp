#define CAF_SUITE actors.observe.span
#include "actors/observe/span.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// All attributes, a line each.
std::string attributes(const span& of) {
  std::string out;
  struct {
    std::string& all;
    void operator()(std::string_view name, std::string_view value) {
      ((((all += name) += '=') += '"') += value) += "\"\n";
    }
    void operator()(std::string_view name, uint64_t value) {
      (((all += name) += '=') += std::to_string(value)) += '\n';
    }
  } append{out};
  for_each_attribute(of, append);
  return out;
}

} // namespace

CAF_TEST(a span has the attributes that are known and no others) {
  span one;
  CAF_CHECK_EQUAL(attributes(one), "");
  one.method = "GET";
  one.status = 502;
  one.host = "example.com";
  one.port = 443;
  one.scheme = "https";
  one.protocol = "http";
  one.version = "2";
  one.client = client_address{*ip_address::parse("192.0.2.9"), 40'000};
  one.error_type = "unreachable";
  CAF_CHECK_EQUAL(attributes(one), "http.request.method=\"GET\"\n"
                                   "http.response.status_code=502\n"
                                   "server.address=\"example.com\"\n"
                                   "server.port=443\n"
                                   "url.scheme=\"https\"\n"
                                   "network.protocol.name=\"http\"\n"
                                   "network.protocol.version=\"2\"\n"
                                   "client.address=\"192.0.2.9\"\n"
                                   "error.type=\"unreachable\"\n");
  span local;
  local.client = client_address{{}, 0, true};
  CAF_CHECK_EQUAL(attributes(local), "client.address=\"unix\"\n");
}

CAF_TEST(names are a few whatever clients make up for methods) {
  struct row {
    std::string_view method, known, name;
  };
  for (const auto& [method, known, name] : std::initializer_list<row>{
         {"GET", "GET", "GET"},
         {"PATCH", "PATCH", "PATCH"},
         {"CONNECT", "CONNECT", "CONNECT"},
         {"get", "_OTHER", "HTTP"},
         {"PROPFIND", "_OTHER", "HTTP"},
         {"", "_OTHER", "HTTP"},
         {"G", "_OTHER", "HTTP"},
       }) {
    span one;
    one.method = known_method(method);
    CAF_MESSAGE(method);
    CAF_CHECK_EQUAL(one.method, known);
    CAF_CHECK_EQUAL(one.name(), name);
  }
  CAF_CHECK_EQUAL(span{}.name(), "CONNECT");
}
