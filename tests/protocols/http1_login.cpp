#define CAF_SUITE protocols.http1_login

#include "protocols/http1/login.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(a field has to do with a login of the connection when it names such a scheme) {
  struct row {
    std::string_view name, value;
    bool login;
  };
  for (auto& [name, value, login] : std::initializer_list<row>{
         {"Authorization", "NTLM TlRMTVNTUAAB", true},
         {"authorization", "negotiate YII", true},
         {"AUTHORIZATION", "Negotiate", true},
         {"Authorization", "Basic YTpi", false},
         {"Authorization", "Bearer NTLM", false},
         {"Authorization", "Digest username=\"Negotiate\"", false},
         {"Authorization", "NTLMv9 x", false},
         {"Authorization", "", false},
         {"WWW-Authenticate", "NTLM", true},
         {"WWW-Authenticate", "Negotiate, NTLM", true},
         {"WWW-Authenticate", "Basic realm=\"a\", Negotiate", true},
         {"WWW-Authenticate", "Basic realm=\"a, b\",NTLM", true},
         {"WWW-Authenticate", "Basic realm=\"NTLM\"", false},
         {"WWW-Authenticate", "Kerberos", true},
         {"X-Authorization", "NTLM x", false},
         {"Proxy-Authorization", "NTLM x", false}, // between the client and us
       }) {
    CAF_MESSAGE(name << ": " << value);
    CAF_CHECK_EQUAL(http1::is_connection_login({name, value}), login);
  }
}
