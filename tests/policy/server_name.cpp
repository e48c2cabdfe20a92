#define CAF_SUITE policy.server_name
#include "policy/server_name.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy::test;
using proxy::policy::check_server_name;

CAF_TEST(whoever names another host than the tunnel leads to is misdirected) {
  struct row {
    std::string_view tunnel, named;
    bool agrees;
  };
  for (auto& [to, named, agrees] : std::initializer_list<row>{
         {"example.com", "example.com", true},
         {"example.com", "", true}, // names nothing
         {"example.com", "Example.COM", true},
         {"example.com.", "example.com", true},
         {"example.com", "EXAMPLE.com.", true},
         {"example.com", "example.com:8443", false}, // the port is the tunnel's
         {"example.com", "evil.example", false},
         {"example.com", "sub.example.com", false},
         {"example.com", "example.com.evil.example", false},
         {"example.com", "user@example.com", false},
         {"example.com", "exa mple", false},
         {"example.com", " ", false},
         {"192.0.2.1", "192.0.2.1", true},
         {"192.0.2.1", "example.com", false},
         {"::1", "[::1]", true},
         {"::1", "[0:0::1]:443", false},
         {"::1", "[::2]", false},
         {"xn--bcher-kva.example",
          "b\xc3\xbc"
          "cher.example",
          true},
       }) {
    CAF_MESSAGE(named << " in a tunnel to " << to);
    auto host = get(to).host;
    auto err = check_server_name(host, named);
    CAF_CHECK_EQUAL(!err, agrees);
    CAF_CHECK(!err || code_of(err) == errc::misdirected);
  }
  CAF_CHECK_EQUAL(outcome_of(errc::misdirected).http_status, 421);
  CAF_CHECK_EQUAL(context_of(check_server_name(get("a.test").host, "b.test")),
                  "the server name names b.test, the tunnel leads to a.test");
  CAF_CHECK_EQUAL(context_of(check_server_name(get("a.test").host, "\x01")),
                  "the server name is no host, the tunnel leads to a.test");
}
