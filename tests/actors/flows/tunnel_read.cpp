#define CAF_SUITE actors.flows.tunnel_read
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// How bytes move, and ends are told, where both sides of a tunnel are in TLS of ours.

namespace {

struct read_tunnel : stage {
  explicit read_tunnel(const std::string& daemon = "")
    : stage{{.network = "allowed_domains = [\"example.com\"]\n"
                        "mitm = {enabled = true, inspect = true}",
             .daemon = daemon}} {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    here.on_connect = [this](const ip_sockaddr& to) { dialled += to.port() != 53; };
  }
  ~read_tunnel() { here.on_connect = {}; }

  void open() {
    who = &tunnel("example.com:443");
    who->speak_tls(trusts_proxy(), "example.com");
    CAF_REQUIRE(patiently([&] { return who->has_shaken_hands(); }));
  }
  void take() {
    origin = &accept(at);
    origin->answer_tls(*origin_tls, origin_leaf("example.com"));
    CAF_REQUIRE(patiently([&] { return origin->hears("\r\n\r\n"); }));
  }
  /// Again and again: a call that came to nothing is not told of to parties.
  template <class Done>
  [[nodiscard]] bool patiently(Done done, std::chrono::nanoseconds span = 2min) {
    for (auto end = w.time().now() + span; !done() && w.time().now() < end;)
      pass(10ms);
    return done();
  }

  origin& at = serve_at("93.184.216.34", 443);
  int dialled = 0;
  party* who = nullptr;
  party* origin = nullptr;
};

std::string post(size_t size) {
  return "POST /up HTTP/1.1\r\nHost: example.com\r\nContent-Length: " + std::to_string(size) +
         "\r\n\r\n";
}

} // namespace

CAF_TEST(bodies arrive whole both ways in TLS over ways of every kind) {
  struct row {
    const char* what;
    simulation::conditions way;
    size_t up, down;
  } rows[] = {
    {"small", {.reset_at = {}}, 10, 10},
    {"as large as a record", {.reset_at = {}}, 16'384, 16'384},
    {"bulk", {.reset_at = {}}, 1'000'000, 1'000'000},
    {"short reads", {.longest_read = 100, .reset_at = {}}, 50'000, 50'000},
    {"short writes", {.longest_write = 37, .reset_at = {}}, 20'000, 20'000},
    {"short in all and nothing at times",
     {.longest_read = 3'000, .longest_write = 1'000, .spurious = 200'000, .reset_at = {}},
     100'000,
     100'000},
    {"slow", {.delay = 20ms, .bytes_per_second = 200'000, .reset_at = {}}, 300'000, 300'000},
  };
  for (auto& [what, way, up, down] : rows) {
    CAF_MESSAGE(what);
    read_tunnel s;
    s.set_way(s.user, way);
    s.set_way(s.at.on, way);
    s.open();
    std::string body(up, 'u'), answer(down, 'd');
    s.who->say(post(up) + body);
    s.take();
    CAF_CHECK(s.patiently([&] { return s.origin->text.ends_with(body); }));
    s.origin->say(ok(answer));
    CAF_CHECK(s.patiently([&] { return s.who->text.ends_with("\r\n\r\n" + answer); }));
    CAF_CHECK(s.who->text.starts_with("HTTP/1.1 200 OK\r\n"));
    CAF_CHECK(!s.who->is_over() && !s.origin->is_over());
  }
}

CAF_TEST(a body that ends with its connection ends in order in TLS and one that was cut does not ) {
  for (auto cut : {false, true}) {
    CAF_MESSAGE(cut);
    read_tunnel s;
    s.open();
    s.who->say(post(0));
    s.take();
    s.origin->say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is");
    CAF_CHECK(s.hears(*s.who, "all there is"));
    if (cut)
      s.origin->reset();
    else
      s.origin->finish();
    CAF_CHECK(s.is_over(*s.who, 5s));
    CAF_CHECK_EQUAL(s.who->ended, !cut);
  }
}

CAF_TEST(a client that breaks off within an answer in TLS takes its origin along) {
  for (auto reads : {true, false}) {
    read_tunnel s;
    auto before = s.here.sockets();
    s.open();
    s.who->say(post(0));
    s.take();
    s.who->read_nothing(!reads);
    s.origin->say("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" +
                  std::string(2'000'000, 'x'));
    s.pass(1s);
    s.who->reset();
    CAF_CHECK(s.is_over(*s.origin, 1s));
    s.pass(1s);
    auto left = s.here.sockets();
    CAF_CHECK(left <= before + 1); // the one that asks the name server is kept
  }
}

CAF_TEST(a tunnel to an origin that is there already is not dialled and needs no look up) {
  read_tunnel s;
  s.open();
  s.who->say(post(0));
  s.take();
  s.origin->say(ok("first answer"));
  CAF_CHECK(s.hears(*s.who, "first answer"));
  auto* first = s.who;
  s.open();
  CAF_CHECK_EQUAL(s.dialled, 1);
  s.who->say(post(0));
  s.origin->forget();
  CAF_CHECK(s.hears(*s.origin, "POST /up "));
  s.origin->say(ok("second answer"));
  CAF_CHECK(s.hears(*s.who, "second answer"));
  CAF_CHECK(!first->hears("second answer"));
  CAF_CHECK_EQUAL(s.dialled, 1);
  s.pass(1s);
  // One event for each CONNECT and each request in it.
  CAF_CHECK_EQUAL(s.events.size(), 4u);
}

CAF_TEST(an origin that is there already is dialled anew for a client that does not speak TLS) {
  read_tunnel s;
  s.open();
  s.who->say(post(0));
  s.take();
  s.origin->say(ok("first answer"));
  CAF_CHECK(s.hears(*s.who, "first answer"));
  auto& other = s.tunnel("example.com:443");
  CAF_CHECK_EQUAL(s.dialled, 1);
  other.say("SSH-2.0-x\r\n");
  auto& second = s.accept(s.at);
  CAF_CHECK(s.hears(second, "SSH-2.0-x\r\n"));
  second.say("SSH-2.0-y\r\n");
  CAF_CHECK(s.hears(other, "SSH-2.0-y\r\n"));
  CAF_CHECK(!s.origin->hears("SSH"));
}

CAF_TEST(an origin that has gone or spoken unasked since its tunnel was made is dialled anew) {
  for (auto speaks : {true, false}) {
    CAF_MESSAGE(speaks);
    read_tunnel s;
    auto& http = s.serve_at("93.184.216.34", 80);
    (void)s.tunnel("example.com:443");
    auto& gone = s.accept(s.at);
    auto& client = s.tunnel("example.com:80");
    auto& first = s.accept(http);
    if (speaks)
      first.say("220 hello\r\n");
    else
      first.reset();
    client.say(speaks ? "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n" : "");
    if (!speaks) { // the tunnel ends with it
      CAF_CHECK(s.is_over(client, 1s));
      CAF_CHECK(!gone.is_over());
      continue;
    }
    auto& second = s.accept(http);
    CAF_CHECK(s.hears(second, "GET / "));
    second.say(ok("fresh"));
    CAF_CHECK(s.hears(client, "fresh"));
    CAF_CHECK(!first.hears("GET"));
  }
}
