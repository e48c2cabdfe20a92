#define CAF_SUITE actors.flows.admin_access
#include "actors/serve/client/admin_session.hpp" // unit under test

#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = R"(allowed_domains = ["good.test", "**.slow.test"])";

struct served : stage {
  explicit served(const std::string& network = allowed, std::string daemon = "")
    : stage({.network = network,
             .daemon = std::move(daemon),
             .environment = {{"ADMIN_TOKEN", "s3cret-token"}}}) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
    names.names["late.slow.test"] = {.addresses = {ip("93.184.216.34")}, .late = 900ms};
  }
  origin& at = serve_at("93.184.216.34", 80);

  party& asks(const std::string& bytes) {
    auto& who = client(8080);
    who.say(bytes);
    return who;
  }
};

const std::string health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string to_mode = "POST /mode HTTP/1.1\r\nHost: localhost\r\n";

/// A policy whose /config is more than what a connection takes in one go.
std::string long_policy() {
  std::string out = allowed + "\ndenied_domains = [";
  for (int i = 0; i < 20'000; ++i)
    out += "\"name-" + std::to_string(i) + ".denied.test\",";
  return out + "]";
}

} // namespace

CAF_TEST(only a host that is no name of somebody else and the own origin may ask) {
  struct row {
    std::string fields;
    bool may;
  };
  served s;
  for (const auto& [fields, may] : std::initializer_list<row>{
         {"Host: 192.0.2.1:8080", true},
         {"Host: localhost", true},
         {"Host: LOCALHOST:8080", true},
         {"Host: [::1]:8080", true},
         {"Host: evil.test", false},
         {"Host: evil.test:8080", false},
         {"Host: 192.0.2.1.evil.test:8080", false},
         {"Host: localhost.evil.test", false},
         {"Host: localhost:8080\r\nOrigin: http://localhost:8080", true},
         {"Host: localhost:8080\r\nOrigin: HTTP://localhost:8080", false},
         {"Host: localhost:8080\r\nOrigin: http://localhost:8081", false},
         {"Host: localhost:8080\r\nOrigin: https://localhost:8080", false},
         {"Host: localhost\r\nOrigin: http://evil.test", false},
         {"Host: localhost\r\nOrigin: null", false},
       })
    for (std::string path : {"/config", "/health", "/nothing"}) {
      CAF_MESSAGE(fields << ' ' << path);
      auto& asks = s.asks("GET " + path + " HTTP/1.1\r\n" + fields + "\r\n\r\n");
      auto status = !may ? "403" : path == "/nothing" ? "404" : "200";
      CAF_CHECK(s.hears(asks, "HTTP/1.1 "s + status));
      CAF_CHECK(may || s.hears(asks, "not allowed\"}"));
      CAF_CHECK(!has(asks.text, "access-control-allow-origin"));
      asks.close();
    }
}

CAF_TEST(a token is asked for everywhere but on health and is of the policy of now) {
  served s{allowed, "admin_token_env = \"ADMIN_TOKEN\""};
  auto status = [&](const std::string& request, const std::string& shown) {
    auto answer = ask_admin(s, request, shown.empty() ? "" : "Authorization: " + shown + "\r\n");
    return answer.substr(9, 3);
  };
  CAF_CHECK(status("GET /health", "") == "200");
  for (std::string request :
       {"GET /config", "GET /patterns", "GET /blocked", "GET /connections", "GET /metrics",
        "GET /explain?url=a", "GET /ca.pem", "POST /reload", "POST /mode", "GET /nothing"}) {
    CAF_MESSAGE(request);
    for (std::string wrong : {"", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret-token",
                              "Bearer s3cret-token2", "Bearer s3cret-toke", "s3cret-token"})
      CAF_CHECK(status(request, wrong) == "401");
    CAF_CHECK(status(request, "Bearer s3cret-token") != "401");
    CAF_CHECK(status(request, "bearer  s3cret-token ") != "401");
  }
  auto refused = ask_admin(s, "GET /config");
  CAF_CHECK(has(refused, "www-authenticate: Bearer realm=\"codex-network-proxy\"\r\n"));
  CAF_CHECK(has(refused, R"({"error":"bearer token required"})"));
  auto shown = ask_admin(s, "GET /config", "Authorization: Bearer s3cret-token\r\n");
  CAF_CHECK(!has(shown + s.log(), "s3cret-token"));
  // On a connection that stands a request is judged by what holds when it comes.
  auto& asks = s.asks("GET /config HTTP/1.1\r\nHost: localhost\r\n");
  s.pass(1s);
  s.install(allowed);
  asks.say("\r\n");
  CAF_CHECK(s.hears(asks, "HTTP/1.1 200"));
}

CAF_TEST(a body is read to its end in whatever pieces and what follows is the next request) {
  struct row {
    std::string name, fields, body;
  };
  const auto limited = R"({"mode":"limited"})"s;
  for (const auto& [name, fields, body] : std::initializer_list<row>{
         {"length", "Content-Length: 18\r\n", limited},
         {"chunks", "Transfer-Encoding: chunked\r\n",
          "4\r\n{\"mo\r\ne\r\nde\":\"limited\"}\r\n0\r\n\r\n"},
         {"long", "Content-Length: 8192\r\n", limited + std::string(8174, ' ')},
       })
    for (auto in_pieces : {true, false}) {
      CAF_MESSAGE(name);
      served s;
      auto& asks = s.asks(to_mode + fields + "\r\n");
      if (in_pieces)
        for (size_t i = 0; i < body.size(); i += 1 + body.size() / 20) {
          asks.say(body.substr(i, 1 + body.size() / 20));
          s.pass(1s);
        }
      else
        asks.say(body);
      asks.say(health);
      CAF_CHECK(s.hears(asks, R"({"status":"ok","mode":"limited"})"));
      CAF_CHECK(s.hears(asks, "\r\n\r\nok"));
      asks.say(to_mode + "Content-Length: 17\r\n\r\n{\"mode\":\"config\"}");
      CAF_CHECK(s.hears(asks, R"({"status":"ok","mode":"full","mode_override":null})"));
    }
}

CAF_TEST(a client that waits for a word before its body gets it) {
  served s;
  auto& asks = s.asks(to_mode + "Expect: 100-continue\r\nContent-Length: 15\r\n\r\n");
  CAF_CHECK(s.hears(asks, "HTTP/1.1 100 Continue\r\n\r\n"));
  CAF_CHECK(!s.hears(asks, "HTTP/1.1 200", 1s));
  asks.say(R"({"mode":"full"})");
  CAF_CHECK(s.hears(asks, "HTTP/1.1 200"));
  auto& eager =
    s.asks(to_mode + "Expect: 100-continue\r\nContent-Length: 15\r\n\r\n" + R"({"mode":"full"})");
  CAF_CHECK(s.hears(eager, "HTTP/1.1 200"));
  CAF_CHECK(!eager.hears("100 Continue"));
}

CAF_TEST(a body that cannot be is answered and ends the connection) {
  struct row {
    std::string request, status, word;
    bool ends;
  };
  const auto chunked = to_mode + "Transfer-Encoding: chunked\r\n\r\n";
  std::string framing;
  for (int i = 0; i < 700; ++i)
    framing += "1;" + std::string(100, 'x') + "\r\n \r\n";
  for (const auto& [request, status, word, ends] : std::initializer_list<row>{
         {to_mode + "\r\n", "400", "missing body", false},
         {to_mode + "Content-Length: 0\r\n\r\n", "400", "missing body", false},
         {to_mode + "Content-Length: 1\r\n\r\n{", "400", "invalid json", false},
         {to_mode + "Content-Length: 14\r\n\r\n{\"mode\":\"off\"}", "400", "invalid json", false},
         {to_mode + "Content-Length: 8\r\n\r\n[[[[[[[[", "400", "invalid json", false},
         {to_mode + "Content-Length: 8193\r\n\r\n", "413", "body too large", true},
         {chunked + "2001\r\n" + std::string(0x2001, ' '), "413", "body too large", true},
         {chunked + framing, "413", "body too large", true},
         {chunked + "zz\r\n", "400", "invalid body", true},
         {to_mode + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", "400", "", true},
         // Nobody reads these: they are not taken for the next request.
         {"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70\r\n\r\n" + health, "404",
          "not found", true},
         {"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70\r\n\r\n" + health, "405",
          "method not allowed", true},
         {"POST /mode HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 9\r\n\r\n", "403",
          "host not allowed", true},
       }) {
    CAF_MESSAGE(status << ' ' << word);
    served s;
    auto& asks = s.asks(request);
    CAF_CHECK(s.hears(asks, "HTTP/1.1 " + status, 1s));
    CAF_CHECK(s.hears(asks, word));
    CAF_CHECK(s.is_over(asks, 1s) == ends);
    CAF_CHECK(asks.text.find("HTTP/1.1", 1) == std::string::npos);
    CAF_CHECK(logs(s, "msg=admin_fault status=" + status + " method="));
  }
}

CAF_TEST(a body that does not come is waited for as long as a head and no longer) {
  enum class how { stalls, leaves, resets };
  for (auto then : {how::stalls, how::leaves, how::resets}) {
    served s{allowed, "timeouts.head = \"10s\""};
    s.pass(1s);
    auto sockets = s.here.sockets();
    auto& asks = s.asks(to_mode + "Content-Length: 18\r\n\r\n{\"mode\"");
    s.pass(1ms);
    if (then == how::leaves)
      asks.finish();
    else if (then == how::resets)
      asks.reset();
    else
      CAF_CHECK(!s.is_over(asks, 9900ms));
    s.pass(200ms);
    CAF_CHECK_EQUAL(s.here.sockets(), sockets);
    CAF_CHECK_EQUAL(asks.text, "");
  }
}

CAF_TEST(a reader that is too slow for a long answer is reset and one that comes back gets it) {
  served s{long_policy()};
  auto& slow = s.asks("GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n" + health);
  slow.read_nothing();
  auto& late = s.asks("GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n" + health);
  late.read_nothing();
  s.pass(50s);
  late.read_nothing(false);
  CAF_CHECK(s.hears(late, "\r\n\r\nok", 1s));
  s.pass(80s); // the rate of a body is looked at once a minute
  slow.read_nothing(false);
  CAF_CHECK(s.is_over(slow, 1s));
  CAF_CHECK(!slow.hears("\r\n\r\nok"));
  CAF_CHECK_EQUAL(slow.error, ECONNRESET);
}

CAF_TEST(a long answer is not given where memory is short and a short one is) {
  served s{long_policy()};
  s.process->memory.limit = 0;
  auto answer = ask_admin(s, "GET /config");
  CAF_CHECK(answer.starts_with("HTTP/1.1 503"));
  CAF_CHECK(has(answer, "too little memory for this answer"));
  CAF_CHECK(ask_admin(s, "GET /health").starts_with("HTTP/1.1 200"));
  CAF_CHECK(ask_admin(s, "GET /metrics").starts_with("HTTP/1.1 200"));
}

CAF_TEST(
  the API answers while the proxy drains and who was there before is let go after its answer) {
  served s;
  auto& tunnel = s.tunnel("good.test:80");
  auto& origin = s.accept(s.at);
  auto& idle = s.asks(health);
  CAF_CHECK(s.hears(idle, "ok"));
  auto& waits =
    s.asks("GET /explain?url=http://late.slow.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto& body = s.asks(to_mode + "Content-Length: 15\r\n\r\n{\"mode\":");
  s.pass(100ms);
  auto drained = s.drain();
  CAF_CHECK(s.is_over(idle, 10ms));
  CAF_CHECK(s.hears(waits, "\"decision\":\"allow\"", 1s));
  CAF_CHECK(s.is_over(waits, 10ms));
  CAF_CHECK(has(waits.text, "connection: close"));
  body.say("\"full\"}");
  CAF_CHECK(s.hears(body, "HTTP/1.1 422"));
  CAF_CHECK(s.hears(body, "the proxy is shutting down"));
  CAF_CHECK(s.is_over(body, 3s));
  for (std::string path : {"/health", "/metrics", "/connections", "/blocked", "/nothing"}) {
    auto& asks = s.asks("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CAF_CHECK(s.hears(asks, path == "/nothing" ? "HTTP/1.1 404" : "HTTP/1.1 200"));
  }
  CAF_CHECK(!drained->has_value());
  tunnel.say("still there");
  CAF_CHECK(s.hears(origin, "still there"));
  tunnel.reset();
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
}

CAF_TEST(an end at once resets whoever waits for an answer) {
  served s;
  s.names.names["never.slow.test"] = {.silent = true};
  auto& idle = s.asks(health);
  auto& waits =
    s.asks("GET /explain?url=http://never.slow.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(100ms);
  caf::anon_send(s.shards[0], atom::abort_v);
  CAF_CHECK(s.is_over(waits, 10ms));
  CAF_CHECK(s.is_over(idle, 10ms));
  CAF_CHECK_EQUAL(waits.error, ECONNRESET);
  CAF_CHECK_EQUAL(waits.text, "");
  s.pass(1min);
  CAF_CHECK(s.process->admin_connections == 0);
}

CAF_TEST(an explanation that waits for a name is of the policy that is in force then) {
  struct row {
    std::string network, part;
  };
  for (const auto& [network, part] : std::initializer_list<row>{
         {allowed, R"("decision":"allow")"},
         {allowed + "\ndenied_domains = [\"late.slow.test\"]", R"("reason":"denied")"},
         {allowed + "\ndenied_domains = [\"93.184.216.34\"]", R"("decision":"deny")"},
         {allowed + "\nmode = \"limited\"", R"("mode":"limited")"},
       }) {
    served s;
    auto& asks =
      s.asks("GET /explain?url=http://late.slow.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    s.pass(500ms);
    s.install(network);
    CAF_CHECK(s.hears(asks, part, 1s));
  }
}

CAF_TEST(a client that leaves while its answer is made leaves nothing open) {
  for (auto reset : {true, false}) {
    served s;
    s.pass(1s);
    auto sockets = s.here.sockets();
    auto& asks =
      s.asks("GET /explain?url=http://late.slow.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    s.pass(500ms);
    if (reset)
      asks.reset();
    else
      asks.close();
    s.pass(1min);
    CAF_CHECK_EQUAL(s.here.sockets(), sockets);
    CAF_CHECK(s.process->admin_connections == 0);
  }
}

CAF_TEST(so many may ask at once and the next gets in when one has left) {
  served s;
  std::vector<party*> all;
  for (int i = 0; i < 1024; ++i) {
    all.push_back(&s.client(8080));
    if (i % 64 == 63)
      s.pass(1ms); // no more than that wait to be accepted
  }
  auto& too_many = s.asks(health);
  CAF_CHECK(s.is_over(too_many, 1s));
  CAF_CHECK_EQUAL(too_many.text, "");
  CAF_CHECK(!all.front()->is_over());
  all.back()->reset();
  s.pass(1ms);
  auto& next = s.asks(health);
  CAF_CHECK(s.hears(next, "\r\n\r\nok"));
}
