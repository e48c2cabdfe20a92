#define CAF_SUITE actors.flows.measured_inside
#include "tests/actors/flows/h2_stage.hpp"
#include "tests/actors/flows/intercepting.hpp"
#include "tests/actors/flows/moved_series.hpp"

using namespace proxy;
using namespace proxy::test;

/// What happens inside of tunnels that are read moves its series.

namespace {

const std::string one_hook =
  two_hosts +
  "mode = \"full\"\nmitm = true\nmitm_hooks = [{host = \"example.com\", match = {methods "
  "= [\"GET\"], path_prefixes = [\"/q\"]}, actions = {strip_request_headers = "
  "[\"cookie\"]}}]\n";

} // namespace

CAF_TEST(handshakes and certificates are counted by whose they are and how they end) {
  intercepting s{{.network = inspecting}};
  moved_series moved{s};
  auto& who = s.inside();
  auto begun = moved.since();
  CAF_CHECK(has(begun, "leaf_cache_entries +1\n"));
  CAF_CHECK(has(begun, "leaf_certificates_total{result=\"minted\"} +1\n"));
  CAF_CHECK(has(begun, "tls_handshake_duration_seconds_count{side=\"client\",result=\"ok\"} +1\n"));
  CAF_CHECK(has(begun, "tunnels_active +1\n"));
  who.say(ask_for("GET", "/"));
  auto& server = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(server, "\r\n\r\n"));
  server.say(ok("fine"));
  CAF_REQUIRE(s.hears(who, "fine"));
  auto served = moved.since();
  CAF_CHECK(
    has(served, "tls_handshake_duration_seconds_count{side=\"upstream\",result=\"ok\"} +1\n"));
  CAF_CHECK(has(served, "request_duration_seconds_count{phase=\"tls\"} +1\n"));
  // Another tunnel to the host finds its certificate; one of a client that breaks off has failed.
  (void)s.inside();
  auto again = moved.since();
  CAF_CHECK(has(again, "leaf_certificates_total{result=\"cached\"} +1\n"));
  CAF_CHECK(!has(again, "minted"));
  auto& odd = s.tunnel("example.com:443");
  odd.say(hello_of(odd));
  s.pass(10ms);
  odd.reset();
  s.pass(1s);
  auto broken = moved.since();
  CAF_CHECK(
    has(broken, "tls_handshake_duration_seconds_count{side=\"client\",result=\"error\"} +1\n"));
}

CAF_TEST(the expiry of the CA is told where there is one) {
  intercepting s{{.network = inspecting}};
  auto at = all_series(s)["ca_not_after_timestamp_seconds"];
  auto seconds = std::chrono::duration<double>(s.process->clock.wall().time_since_epoch()).count();
  CAF_CHECK(at > seconds);
}

CAF_TEST(hooks are counted by what they come to) {
  intercepting s{{.network = one_hook}};
  auto& who = s.inside();
  moved_series moved{s};
  who.say(ask_for("GET", "/q"));
  auto& server = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(server, "\r\n\r\n"));
  server.say(ok("fine"));
  CAF_REQUIRE(s.hears(who, "fine"));
  auto applied = moved.since();
  CAF_CHECK(has(applied, "hooks_total{result=\"applied\"} +1\n"));
  CAF_CHECK(!has(applied, "denied"));
  CAF_CHECK_EQUAL(s.status(who, ask_for("GET", "/other")), 403);
  auto denied = moved.since();
  CAF_CHECK(has(denied, "hooks_total{result=\"denied\"} +1\n"));
  CAF_CHECK(!has(denied, "applied"));
}

CAF_TEST(a tunnel whose client speaks HTTP 2 is one tunnel) {
  h2_stage s;
  moved_series moved{s};
  auto& client = s.inside();
  auto id = client.ask("GET", "/x");
  auto& server = s.reach(s.example, "GET /x");
  auto open = moved.since();
  CAF_CHECK(has(open, "tunnels_active +1\n"));
  CAF_CHECK(has(open, "http2_streams_active +1\n"));
  CAF_CHECK(counted(s, "connections_active{protocol=\"http2\"}") == 1);
  server.say(ok("fine"));
  CAF_REQUIRE(s.ends(client, id));
  s.pass(1ms);
  auto served = moved.since();
  CAF_CHECK(has(served, "http2_streams_active -1\n"));
  CAF_CHECK(has(served, "tunnel_bytes_total{direction=\"up\"} +"));
  CAF_CHECK(!has(served, "tunnel_duration"));
  client.on.reset();
  s.pass(1s);
  auto over = moved.since();
  CAF_CHECK(has(over, "tunnel_duration_seconds_count +1\n"));
  CAF_CHECK(has(over, "tunnel_size_bytes_count +1\n"));
  CAF_CHECK(has(over, "tunnels_active -1\n"));
  CAF_CHECK(!has(over, "tunnel_bytes_total")); // they were told while it was open
}

CAF_TEST(a request that is taken up anew is one that a hook decides over) {
  intercepting s{{.network = one_hook}};
  auto& who = s.inside();
  moved_series moved{s};
  (void)s.accept(s.example);
  who.say(ask_for("GET", "/q"));
  for (auto i = 0; i < 3; ++i) { // the handshake with the origin is under way
    s.pass(100ms);
    s.install(one_hook);
    if (i > 0)
      (void)s.accept(s.example);
  }
  auto& server = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(server, "\r\n\r\n"));
  server.say(ok("fine"));
  CAF_REQUIRE(s.hears(who, "fine"));
  CAF_CHECK(has(moved.since(), "hooks_total{result=\"applied\"} +1\n"));
}
