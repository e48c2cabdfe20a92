#define CAF_SUITE actors.flows.stage
#include "tests/actors/flows/stage.hpp" // unit under test

using namespace proxy;
using namespace proxy::test;

/// The stage itself: each kind of client, origin and name once.

namespace {

/// A request by name over ways that take their time. @returns how long it took, and the trace.
std::pair<std::chrono::nanoseconds, uint64_t> serve_one(uint64_t seed) {
  stage s{{.network = "allowed_domains = [\"example.com\"]", .seed = seed}};
  s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  auto& at = s.serve_at("93.184.216.34", 80);
  simulation::conditions way;
  way.delay = 10ms;
  way.jitter = 5ms;
  way.longest_read = 7;
  way.spurious = 50'000;
  for (auto* each : {&s.user, &at.on, &s.library})
    s.set_way(*each, way);
  auto began = s.w.time().now();
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& origin = s.accept(at);
  CAF_CHECK(s.hears(origin, "\r\n\r\n"));
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
  return {s.w.time().now() - began, s.w.trace()};
}

} // namespace

CAF_TEST(the same seed plays the same again and another one does not ) {
  auto [took, trace] = serve_one(1);
  CAF_CHECK(took >= 60ms && took < 1s);
  CAF_CHECK(serve_one(1) == std::pair(took, trace));
  CAF_CHECK(serve_one(2).second != trace);
}

CAF_TEST(nothing is left open when everybody has gone) {
  stage s{{.network = "allowed_domains = [\"93.184.216.34\"]"}};
  auto idle = s.here.descriptors();
  auto& at = s.serve_at("93.184.216.34", 80);
  auto& client = s.client();
  client.say(get("http://93.184.216.34/"));
  auto& origin = s.accept(at);
  CAF_CHECK(s.hears(origin, "\r\n\r\n"));
  origin.say(ok("ok", "Connection: close\r\n"));
  CAF_CHECK(s.hears(client, "\r\n\r\nok"));
  client.close();
  origin.close();
  s.pass(10s);
  CAF_CHECK_EQUAL(s.here.descriptors(), idle);
  CAF_CHECK_EQUAL(s.user.descriptors(), 0u);
}

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
