#define CAF_SUITE actors.flows.http2_requests
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// What clients ask for in streams of HTTP/2, and what they are told when they may not have it.

namespace {

const std::string limited =
  "allowed_domains = [\"example.com\"]\nmode = \"limited\"\nmitm = true\n";

} // namespace

CAF_TEST(a refused stream is told so and its neighbours are served) {
  struct row {
    const char *method, *host, *status, *event;
  };
  h2_stage s{"", limited};
  auto& client = s.inside();
  auto waits = client.ask("GET", "/waits");
  auto& origin = s.reach(s.example, "GET /waits");
  s.pass(1s); // all events of so far
  for (const auto& [method, host, status, event] : std::initializer_list<row>{
         {"POST", "example.com", "403", "deny https example.com:443 method_not_allowed"},
         {"DELETE", "example.com:443", "403", "deny https example.com:443 method_not_allowed"},
         {"GET", "other.test", "421", "deny https example.com:443 misdirected"},
       }) {
    auto before = s.events.size();
    auto fields = client.request_to(method, "/");
    fields[2].second = host;
    auto id = client.open(fields, false); // its body is not waited for
    CAF_CHECK(s.until([&] { return client.streams[id].ended; }, 1s));
    CAF_CHECK_EQUAL(client.streams[id][":status"], status);
    CAF_CHECK(s.until([&] { return s.events.size() > before; }, 1s));
    CAF_CHECK_EQUAL(s.events.size(), before + 1);
    auto last = s.decisions().back();
    CAF_CHECK_EQUAL(last, event);
    CAF_CHECK(!client.streams[waits].is_over());
  }
  origin.say(ok("served"));
  CAF_CHECK(s.ends(client, waits));
  CAF_CHECK_EQUAL(client.streams[waits].body, "served");
  CAF_CHECK(!s.is_called(s.example, 1s));
}

CAF_TEST(what is no request inside a tunnel is answered on its stream) {
  struct row {
    const char* what;
    h2_fields fields;
    const char* status;
  };
  h2_stage s;
  auto& client = s.inside();
  (void)s.accept(s.example); // was for the first request, which does not go there
  auto udp = websocket_to(client, "/", "connect-udp");
  auto by_host = client.request_to("GET", "/");
  by_host[2] = {"x", "y"};
  std::swap(by_host[2], by_host[3]);
  auto without = by_host;
  by_host.push_back({"host", "other.test"});
  for (const auto& [what, fields, status] : std::initializer_list<row>{
         {"a tunnel", {{":method", "CONNECT"}, {":authority", "example.com:443"}}, "405"},
         {"another protocol", udp, "405"},
         {"another scheme",
          {{":method", "GET"}, {":scheme", "http"}, {":authority", "example.com"}, {":path", "/"}},
          "400"},
         {"the name of another host in a field", by_host, "421"},
         {"no host at all", without, "reset 1"},
       }) {
    CAF_MESSAGE(what);
    auto id = client.open(fields, false);
    CAF_CHECK(s.ends(client, id));
    auto outcome = client.outcome(id);
    CAF_CHECK_EQUAL(outcome.substr(0, outcome.find(" reset")), status);
  }
  auto fine = client.ask("GET", "/fine");
  s.reach(s.example, "GET /fine").say(ok("fine"));
  CAF_CHECK(s.ends(client, fine));
}

CAF_TEST(a head beyond the limits is 431 and one within them passes) {
  struct row {
    const char* what;
    std::string path;
    h2_fields more;
    const char* status;
  };
  h2_stage s;
  auto& client = s.inside();
  (void)s.accept(s.example);
  for (const auto& [what, path, more, status] : std::initializer_list<row>{
         {"a long field", "/", {{"x", std::string(70'000, 'a')}}, "431"},
         {"a long path", "/" + std::string(70'000, 'a'), {}, "431"},
         {"long in all", "/", h2_fields(15, {"x", std::string(5'000, 'a')}), "431"},
         {"many fields", "/", h2_fields(300, {"x", "y"}), "431"},
         {"as long as may be", "/long", {{"x", std::string(60'000, 'a')}}, "200"},
         {"as many as may be", "/many", h2_fields(250, {"x", "y"}), "200"},
         {"cookies in pieces", "/cookies", h2_fields(500, {"cookie", "c=1"}), "200"},
       }) {
    CAF_MESSAGE(what);
    auto id = client.ask("GET", path, more);
    if (std::string_view{status} == "200") {
      auto& origin = s.serve_h1(s.example);
      CAF_CHECK(s.hears(origin, "\r\n\r\n"));
      origin.say(ok("", "Connection: close\r\n"));
    }
    CAF_CHECK(s.ends(client, id));
    CAF_CHECK_EQUAL(client.streams[id][":status"], status);
  }
}
