#define CAF_SUITE actors.serve.client.client_states
#include "actors/serve/client/client_states.hpp" // unit under test

#include "tests/actors/serve/worker/shard_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

// By what a shard lists and counts of its clients, and what a new policy closes.

namespace {

struct fixture : shard_fixture {
  /// Lets through these hosts and nothing else.
  static std::string allowing(const std::string& hosts, const std::string& more = "") {
    return "enabled = true\nallow_local_binding = true\nallowed_domains = [" + hosts + "]\n" + more;
  }

  std::string request(const std::string& line, const std::string& rest = "") const {
    return line + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\n" + rest + "\r\n";
  }
  [[nodiscard]] std::string url() const { return "http://" + origin.authority() + "/"; }

  /// What is said to the origin next comes from the connection returned.
  far_end accepted() {
    far_end end;
    CAF_REQUIRE(run_until([&] { return (end = origin.accept()).fd >= 0; }));
    return end;
  }

  /// The states of all clients.
  std::vector<std::string> states() {
    std::vector<std::string> out;
    for (auto& each : answer<std::vector<connection_info>>(atom::describe_v))
      out.push_back(each.state);
    return out;
  }
  bool is(const std::string& state) {
    return run_until([&] { return states() == std::vector{state}; });
  }
  uint64_t active() {
    return answer<shard_counters>(atom::count_v).connections_active[spoken::admin];
  }
  uint64_t tunnels() { return answer<shard_counters>(atom::count_v).tunnels_active; }

  scripted_origin origin;
};

constexpr auto ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_states_tests, fixture)

CAF_TEST(a client that asks for one thing after the other is listed by what it does) {
  (void)install(allowing("\"127.0.0.1\""));
  auto c = client();
  CAF_CHECK(is("idle"));
  c.send(request("GET " + url()));
  auto server = accepted();
  CAF_CHECK(hears(server, "\r\n\r\n"));
  auto listed = answer<std::vector<connection_info>>(atom::describe_v);
  CAF_REQUIRE_EQUAL(listed.size(), 1u);
  CAF_CHECK_EQUAL(listed[0].state, "request");
  CAF_CHECK_EQUAL(listed[0].host, "127.0.0.1");
  CAF_CHECK_EQUAL(listed[0].port, origin.port());
  server.send(ok);
  CAF_CHECK(hears(c, "\r\n\r\nok"));
  CAF_CHECK(is("idle"));
  c.send(request("CONNECT " + origin.authority()));
  auto through = accepted();
  CAF_CHECK(hears(c, "200 Connection established\r\n\r\n"));
  CAF_CHECK(is("tunnel"));
  CAF_CHECK_EQUAL(tunnels(), 1u);
  c.close();
  through.close();
  CAF_CHECK(run_until([&] { return states().empty(); }));
  CAF_CHECK_EQUAL(tunnels(), 0u);
}

CAF_TEST(sessions of the admin API are no clients) {
  (void)install(allowing("\"127.0.0.1\""));
  auto admin = connect(port_of(endpoint::admin));
  admin.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(hears(admin, "\r\n\r\nok"));
  CAF_CHECK(states().empty());
  CAF_CHECK_EQUAL(process->admin_connections.load(), 1u);
  CAF_CHECK_EQUAL(active(), 1u);
  admin.close();
  CAF_CHECK(run_until([&] { return process->admin_connections.load() == 0; }));
  CAF_CHECK_EQUAL(active(), 0u);
}

CAF_TEST(a request under way with a body is judged by a new policy and one without is not ) {
  (void)install(allowing("\"127.0.0.1\""));
  auto with = client();
  with.send(request("POST " + url(), "Content-Length: 9\r\n") + "half");
  auto to_with = accepted();
  CAF_CHECK(hears(to_with, "half"));
  auto without = client();
  without.send(request("GET " + url()));
  auto to_without = accepted();
  CAF_CHECK(hears(to_without, "\r\n\r\n"));
  CAF_CHECK_EQUAL(install(allowing("\"other.example\"")), 0u); // neither is a tunnel
  CAF_CHECK(ends(with, "reset"));
  CAF_CHECK(ends(to_with, "reset"));
  to_without.send(ok);
  CAF_CHECK(hears(without, "\r\n\r\nok"));
  auto refused = answer<blocked_page>(atom::blocked_v);
  CAF_REQUIRE_EQUAL(refused.entries.size(), 1u);
  CAF_CHECK_EQUAL(refused.entries[0]->method, "POST");
}

CAF_TEST(a request that switched protocols is a tunnel and judged by its head) {
  (void)install(allowing("\"127.0.0.1\""));
  auto c = client();
  c.send(request("GET " + url(),
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  auto server = accepted();
  CAF_CHECK(hears(server, "\r\n\r\n"));
  server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nwords");
  CAF_CHECK(hears(c, "\r\n\r\nwords"));
  CAF_CHECK(is("tunnel"));
  CAF_CHECK_EQUAL(tunnels(), 1u);
  // Limited lets no upgrade pass.
  CAF_CHECK_EQUAL(install(allowing("\"127.0.0.1\"", "mode = \"limited\"\n")), 1u);
  CAF_CHECK(ends(c, "reset"));
  CAF_CHECK(ends(server, "reset"));
  CAF_CHECK_EQUAL(tunnels(), 0u);
}

CAF_TEST(requests inside a tunnel that is read are judged with it) {
  (void)install(allowing("\"127.0.0.1\"", "mode = \"limited\"\nmitm = true\n"));
  auto c = client();
  c.send(request("CONNECT " + origin.authority()));
  CAF_CHECK(hears(c, "200 Connection established\r\n\r\n"));
  auto server = accepted();
  CAF_CHECK(is("intercepted"));
  CAF_CHECK_EQUAL(tunnels(), 1u);
  c.text.clear();
  c.send(request("GET /inside"));
  CAF_CHECK(hears(server, "GET /inside HTTP/1.1\r\n"));
  CAF_CHECK(is("intercepted"));
  server.send(ok);
  CAF_CHECK(hears(c, "\r\n\r\nok"));
  CAF_CHECK(is("intercepted"));
  c.send(request("GET /again"));
  CAF_CHECK(hears(server, "GET /again HTTP/1.1\r\n"));
  CAF_CHECK_EQUAL(install(allowing("\"other.example\"", "mode = \"limited\"\nmitm = true\n")), 1u);
  CAF_CHECK(ends(c, "reset"));
  CAF_CHECK(ends(server, "reset"));
  CAF_CHECK_EQUAL(tunnels(), 0u);
  auto refused = answer<blocked_page>(atom::blocked_v);
  CAF_REQUIRE_EQUAL(refused.entries.size(), 1u);
  CAF_CHECK_EQUAL(refused.entries[0]->method, "GET"); // what it was doing, not its CONNECT
}

CAF_TEST(a drain ends who is idle and lets what is under way end) {
  (void)install(allowing("\"127.0.0.1\""));
  auto idle = client();
  auto busy = client();
  busy.send(request("GET " + url()));
  auto server = accepted();
  CAF_CHECK(hears(server, "\r\n\r\n"));
  auto drained = ask<bool>(shard, atom::drain_v);
  CAF_CHECK(ends(idle, "end"));
  CAF_CHECK(!drained->has_value());
  server.send(ok);
  CAF_CHECK(hears(busy, "\r\n\r\nok"));
  CAF_CHECK(hears(busy, "Connection: close\r\n") || hears(busy, "connection: close\r\n"));
  CAF_CHECK(ends(busy, "end"));
  busy.close();
  CAF_CHECK(run_until([&] { return drained->has_value(); }));
}

CAF_TEST_FIXTURE_SCOPE_END()
