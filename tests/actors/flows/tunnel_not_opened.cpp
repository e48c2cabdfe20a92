#define CAF_SUITE actors.flows.tunnel_not_opened
#include "tests/actors/flows/connecting.hpp"

using namespace proxy;
using namespace proxy::test;

/// What a CONNECT is answered that leads nowhere.

CAF_TEST(a target that cannot be reached is what CONNECT answers and when) {
  using way = simulation::conditions;
  struct row {
    const char* what;
    const char* authority;
    name_record name;
    way to_origin;
    const char* status;
    const char* cause;
    std::chrono::nanoseconds after; ///< Not before this, and within a second of it.
  } rows[] = {
    {"nobody listens",
     "example.com:444",
     {.addresses = {ip("93.184.216.34")}},
     {},
     "502",
     "connection_refused",
     0s},
    {"refused",
     "example.com:443",
     {.addresses = {ip("93.184.216.34")}},
     {.reset_at = {}, .refuses = true},
     "502",
     "connection_refused",
     0s},
    {"no answer",
     "example.com:443",
     {.addresses = {ip("93.184.216.34")}},
     {.reset_at = {}, .swallows = true},
     "504",
     "connection_timeout",
     10s},
    {"no such address",
     "example.com:443",
     {.addresses = {ip("93.184.216.99")}},
     {},
     "502",
     "destination_ip_unroutable",
     0s},
    {"no such name", "unknown.example.com:443", {}, {}, "502", "dns_error", 0s},
    {"a name server that fails", "example.com:443", {.code = 2}, {}, "502", "dns_error", 0s},
    {"a name server that says nothing",
     "example.com:443",
     {.silent = true},
     {},
     "504",
     "dns_timeout",
     5s},
    {"a name without addresses", "example.com:443", {}, {}, "502", "dns_error", 0s},
  };
  for (auto& [what, authority, name, to_origin, status, cause, after] : rows) {
    CAF_MESSAGE(what);
    world_of_names s;
    s.names.names["example.com"] = name;
    auto& at = s.serve_at("93.184.216.34", 443);
    s.set_way(at.on, to_origin);
    auto began = s.w.time().now();
    auto& client = s.client();
    client.say(connect(authority));
    auto line = s.answer(client);
    auto took = s.w.time().now() - began;
    CAF_MESSAGE(line);
    CAF_CHECK(line.starts_with(std::string{"HTTP/1.1 "} + status));
    CAF_CHECK(s.hears(client, std::string{"error="} + cause, 0s));
    CAF_CHECK(took >= after && took < after + 3s);
    // It was allowed, and could not be reached: two events of one request.
    s.pass(1s);
    auto decided = s.events.size();
    CAF_REQUIRE_EQUAL(decided, 2u);
    CAF_CHECK(s.decisions()[0].starts_with("allow https_connect "));
    CAF_CHECK(s.decisions()[1].starts_with("fault https_connect "));
  }
}

CAF_TEST(a refused CONNECT is told in plain text with a request id that its event has) {
  world_of_names s;
  auto& client = s.client();
  std::string ids[2];
  for (auto& id : ids) { // twice: the second is made of the first
    client.forget();
    client.say(connect("refused.test:443"));
    auto line = s.answer(client);
    CAF_CHECK_EQUAL(line, "HTTP/1.1 403 Blocked by policy: not_allowed refused.test");
    CAF_CHECK(s.hears(client, "\nremedy: ", 1s));
    s.pass(1s);
    for (auto part : {"x-proxy-error: blocked-by-allowlist\r\n", "content-type: text/plain",
                      "\r\n\r\nDomain not in allowlist.\nhost=refused.test reason=not_allowed "})
      CAF_CHECK(client.hears(part));
    CAF_REQUIRE(!s.events.empty());
    id = std::string{s.events.back()->request_id.text()};
    CAF_CHECK(client.hears("x-request-id: " + id + "\r\n"));
    CAF_CHECK(client.hears("request_id=" + id));
  }
  CAF_CHECK(ids[0] != ids[1] && !client.hears(ids[0]));
  CAF_CHECK(s.names.asked.empty());
}

CAF_TEST(a tunnel leads neither to this proxy nor to a network of its own) {
  struct row {
    const char* authority;
    const char* resolved; ///< What example.com is.
    const char* reason;
  } rows[] = {
    {"192.0.2.1:3128", "", "not_allowed_local"},
    {"192.0.2.1:8080", "", "not_allowed_local"},
    {"127.0.0.1:80", "", "not_allowed_local"},
    {"localhost:80", "", "not_allowed_local"},
    {"[::1]:443", "", "not_allowed_local"},
    {"2130706433:443", "", "not_allowed_local"},
    {"[::ffff:127.0.0.1]:443", "", "not_allowed_local"},
    {"[64:ff9b::7f00:1]:443", "", "not_allowed_local"},
    {"169.254.169.254:80", "", "not_allowed_local"},
    {"example.com:443", "10.0.0.1", "not_allowed_local"},
    {"example.com:443", "127.0.0.1", "not_allowed_local"},
    {"example.com:3128", "192.0.2.1", "not_allowed_local"},
    {"example.com:443", "::ffff:169.254.169.254", "not_allowed_local"},
    {"other.test:443", "", "not_allowed"},
    {"93.184.216.35:443", "", "not_allowed"},
  };
  for (auto& [authority, resolved, reason] : rows) {
    CAF_MESSAGE(authority << ' ' << resolved);
    world_of_names s;
    if (*resolved)
      s.names.names["example.com"] = {.addresses = {ip(resolved)}};
    auto dialled = 0;
    s.here.on_connect = [&](const ip_sockaddr& to) { dialled += to.port() != 53; };
    auto& client = s.client();
    client.say(connect(authority));
    auto line = s.answer(client);
    CAF_MESSAGE(line);
    CAF_CHECK(line.starts_with(std::string{"HTTP/1.1 403 Blocked by policy: "} + reason + ' '));
    CAF_CHECK_EQUAL(dialled, 0);
    s.pass(1s);
    auto decided = s.decisions();
    CAF_REQUIRE_EQUAL(decided.size(), 1u);
    CAF_CHECK(decided[0].starts_with("deny https_connect ") && decided[0].ends_with(reason));
  }
}

CAF_TEST(a CONNECT that is none is answered with 400 and the connection ends) {
  for (std::string_view head :
       {"CONNECT example.com HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example.com: HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT http://example.com:443/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT * HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT :443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example.com:0 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example.com:65536 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example.com:44x HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:80\r\n\r\n",
        "CONNECT user@example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "CONNECT [2606:4700::1:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        "CONNECT example..com:443 HTTP/1.1\r\nHost: example..com:443\r\n\r\n",
        "CONNECT exa mple.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "CONNECT example.com:443 HTTP/1.1\nHost: example.com:443\n\n",
        "CONNECT example.com:443 HTTP/1.1\r\nHost : example.com:443\r\n\r\n"}) {
    CAF_MESSAGE(head);
    world_of_names s;
    auto& at = s.serve_at("93.184.216.34", 443);
    auto& client = s.client();
    // What follows must be taken neither for the tunnel's nor for a request.
    client.say(std::string{head} + get("http://example.com/"));
    CAF_CHECK(s.answer(client).starts_with("HTTP/1.1 400 "));
    CAF_CHECK(s.is_over(client, 5s));
    CAF_CHECK(client.text.find("HTTP/1.1", 1) == std::string::npos);
    CAF_CHECK(!s.is_called(at, 1s));
  }
}

CAF_TEST(a CONNECT that does not end in time or in size is answered with what it met) {
  world_of_names s{"timeouts.head = \"20s\"\nlimits.max_head_bytes = 2048"};
  auto& late = s.client();
  late.say("CONNECT example.com:443 HTTP/1.1\r\nHost: exa");
  CAF_CHECK(!s.hears(late, "HTTP/1.1", 10s));
  late.say("mple.com:443\r\n"); // no byte of it begins the time anew
  CAF_CHECK(!s.hears(late, "HTTP/1.1", 9s));
  CAF_CHECK(s.hears(late, "HTTP/1.1 408 ", 2s));
  CAF_CHECK(late.hears("timeouts.head"));
  CAF_CHECK(s.is_over(late, 5s));
  auto& large = s.client();
  large.say(connect("example.com:443", "X: " + std::string(2048, 'x') + "\r\n"));
  CAF_CHECK(s.hears(large, "HTTP/1.1 431 ", 1s));
  CAF_CHECK(large.hears("limits.max_head_bytes"));
  CAF_CHECK(s.is_over(large, 5s));
}

CAF_TEST(tunnels count as connections of their client until they end) {
  world_of_names s{"limits.max_connections_per_client = 2"};
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& first = s.tunnel("example.com:443");
  auto& first_origin = s.accept(at);
  auto& second = s.tunnel("example.com:443");
  auto& third = s.client();
  CAF_CHECK(s.hears(third, "HTTP/1.1 503 ", 1s));
  CAF_CHECK(third.hears("retry-after: ") && third.hears("limits.max_connections_per_client = 2"));
  CAF_CHECK(s.is_over(third, 5s));
  first.finish();
  first_origin.finish();
  CAF_CHECK(s.is_over(first));
  third.close();
  s.pass(3s);
  auto& fourth = s.tunnel("example.com:443");
  CAF_CHECK(!s.is_over(fourth, 1s) && !second.is_over());
}
