#define CAF_SUITE actors.flows.stage
#include "tests/actors/flows/stage.hpp" // unit under test

using namespace proxy;
using namespace proxy::test;

/// The stage itself: each kind of client, origin and name once.

CAF_TEST(a name is looked up and its origin answers) {
  stage s{{.network = "allowed_domains = [\"example.com\"]"}};
  s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  auto& at = s.serve_at("93.184.216.34", 80);
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& origin = s.accept(at);
  CAF_CHECK(s.hears(origin, "GET / HTTP/1.1\r\nHost: example.com\r\n"));
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
  CAF_CHECK(s.decisions() == std::vector<std::string>{"allow http example.com:80 allow"});
}

CAF_TEST(a silent name server is asked again and then given up in time of the world alone) {
  stage s{{.network = "allowed_domains = [\"example.com\"]", .daemon = "timeouts.dns = \"5s\""}};
  s.names.names["example.com"] = {.silent = true};
  auto began = s.w.time().now();
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_CHECK(s.hears(client, "HTTP/1.1 504"));
  CAF_CHECK(s.w.time().now() - began >= 4900ms && s.w.time().now() - began < 6s);
  CAF_CHECK(s.names.asked.size() >= 4u);
}

CAF_TEST(TLS is intercepted between a client that trusts us and an origin that we trust) {
  stage s{{.network = "allowed_domains = [\"example.com\"]\nmode = \"limited\"\nmitm = true"}};
  s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& client = s.tunnel("example.com:443");
  client.speak_tls(s.trusts_proxy(), "example.com");
  CAF_REQUIRE(s.until([&] { return client.has_shaken_hands() || !client.tls_error.empty(); }));
  CAF_CHECK_EQUAL(client.tls_error, "");
  client.say("GET /secret HTTP/1.1\r\nHost: example.com\r\n\r\n");
  auto& origin = s.accept(at);
  origin.answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
  CAF_CHECK(s.hears(origin, "GET /secret HTTP/1.1\r\n"));
  origin.say(ok("hidden"));
  CAF_CHECK(s.hears(client, "hidden"));
}

CAF_TEST(a policy is loaded again and a mode switched) {
  stage s;
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_CHECK(s.hears(client, "403"));
  s.install("allowed_domains = [\"example.com\"]");
  CAF_CHECK(s.set_mode(policy::mode::limited).report);
  client.forget();
  client.say("POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(client, "blocked-by-method-policy"));
}

CAF_TEST(the admin API answers and a drain ends) {
  stage s;
  auto& admin = s.client(8080);
  admin.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "\r\n\r\nok"));
  auto drained = s.drain();
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
}
