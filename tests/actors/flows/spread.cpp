#define CAF_SUITE actors.flows.spread
#include "actors/serve/worker/listener.hpp" // unit under test

#include <unistd.h>

#include <cerrno>

#include "actors/serve/client/connection.hpp"
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// The log.
std::string log_of(stage& s) { return s.log(); }

size_t count_in(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++out;
  return out;
}

struct crowd : stage {
  using stage::stage;

  std::vector<party*> come(size_t count, uint16_t port = 3128) {
    std::vector<party*> all;
    for (size_t i = 1; i <= count; ++i) {
      all.push_back(&client(port));
      if (i % 100 == 0) // a queue of clients has an end
        pass(1ms);
    }
    pass(1s);
    return all;
  }
  /// Comes alone: nobody else is waited for by the time.
  party& comes_alone() {
    auto& who = client();
    pass(1ms);
    return who;
  }
  uint64_t at_worker(size_t index) const { return process->connections[index].load(); }
  /// Which worker serves a client.
  size_t worker_of(const party& who) const {
    for (size_t i = 0; i < shards.size(); ++i) {
      using shard_type = std::remove_pointer_t<shard_pointer>;
      for (auto* each : local<shard_type>(shards[i]).state.core->connections())
        if (each->session().from.port == who.own_address().port())
          return i;
    }
    return shards.size();
  }
  /// Whether it is served: what it asks is answered.
  bool is_served(party& who) {
    who.forget();
    who.say(get("http://refused.test/"));
    return hears(who, "HTTP/1.1 403");
  }
};

} // namespace

CAF_TEST(clients are spread over the workers) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    crowd s{{.seed = seed, .loops = 4}};
    auto all = s.come(400);
    for (size_t i = 0; i < 4; ++i)
      CAF_CHECK(s.at_worker(i) >= 30);
    CAF_CHECK_EQUAL(s.process->total_connections(), 400u);
    for (auto* each : all)
      CAF_CHECK(s.is_served(*each));
  }
}

CAF_TEST(a worker with many more clients than another hands new ones over) {
  crowd s{{.loops = 2}};
  auto all = s.come(300);
  size_t kept = 0;
  for (auto* each : all)
    if (s.worker_of(*each) == 1)
      each->close();
    else
      ++kept;
  s.pass(1s);
  CAF_REQUIRE_EQUAL(s.at_worker(0), kept);
  CAF_REQUIRE(kept > 100);
  CAF_CHECK_EQUAL(s.at_worker(1), 0u);
  // As long as one has more than the other and 64 and a quarter of it.
  std::vector<party*> newer;
  while (kept > s.at_worker(1) + 64 + s.at_worker(1) / 4) {
    newer.push_back(&s.comes_alone());
    CAF_REQUIRE_EQUAL(s.worker_of(*newer.back()), 1u);
  }
  CAF_CHECK(newer.size() > 20);
  for (auto* each : newer)
    CAF_CHECK(s.is_served(*each));
  // From then on whoever is awake takes them.
  for (int i = 0; i < 60 && s.at_worker(0) == kept; ++i)
    (void)s.comes_alone();
  CAF_CHECK_EQUAL(s.at_worker(0), kept + 1);
}

CAF_TEST(few clients stay where they came) {
  crowd s{{.loops = 2}};
  auto all = s.come(60);
  for (auto* each : all)
    if (s.worker_of(*each) == 1)
      each->close();
  s.pass(1s);
  auto before = s.at_worker(0);
  for (int i = 0; i < 60; ++i)
    (void)s.comes_alone();
  CAF_CHECK(s.at_worker(0) > before);
}

CAF_TEST(whoever is handed over is who he was to limits and lists) {
  crowd s{{.daemon = "limits.max_connections_per_client = 500", .loops = 2}};
  auto all = s.come(300);
  for (auto* each : all)
    if (s.worker_of(*each) == 1)
      each->close();
  s.pass(1s);
  auto& socks = s.client(1080);
  auto& http = s.comes_alone();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.worker_of(http), 1u);
  CAF_CHECK_EQUAL(s.worker_of(socks), 1u);
  socks.say(std::string{"\x05\x01\x00", 3});
  CAF_CHECK(s.hears(socks, std::string{"\x05\x00", 2}));
  auto& admin = s.client(8080);
  admin.say("GET /connections?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "192.0.2.9:" + std::to_string(http.own_address().port()) + '"'));
}

CAF_TEST(each limit on connections holds over all workers and there is room again) {
  struct row {
    std::string setting;
    bool others_too;
  };
  for (const auto& [setting, others_too] : std::initializer_list<row>{
         {"limits.max_connections_per_client", false}, {"limits.max_connections", true}}) {
    for (uint16_t port : {uint16_t{3128}, uint16_t{1080}}) {
      CAF_MESSAGE(setting << " at " << port);
      crowd s{{.daemon = setting + " = 6", .seed = port, .loops = 3}};
      auto inside = s.come(6);
      auto& late = s.comes_alone();
      CAF_CHECK(s.is_over(late, 5s));
      CAF_CHECK(late.text.starts_with("HTTP/1.1 503"));
      CAF_CHECK(late.hears(setting + " = 6"));
      CAF_CHECK(count_in(late.text, "retry-after: ") == 1);
      auto& socks = s.client(1080);
      CAF_CHECK(s.is_over(socks, 5s));
      CAF_CHECK_EQUAL(socks.text, "\x05\xff");
      auto& other = s.somebody(s.place("192.0.2.77"));
      other.connect(ip("192.0.2.1"), port);
      s.pass(10ms);
      CAF_CHECK_EQUAL(other.is_over(), others_too);
      other.close();
      // The admin API is nobody's client of that kind.
      auto& admin = s.client(8080);
      admin.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
      CAF_CHECK(s.hears(admin, "connections_refused_total "));
      admin.close();
      s.pass(1s);
      for (auto* each : inside)
        CAF_CHECK(s.is_served(*each));
      inside[0]->close();
      s.pass(1s);
      auto& next = s.comes_alone();
      CAF_CHECK(s.is_served(next));
      // A reload moves the limit: those inside stay, whatever it is.
      s.install("", setting + " = 2");
      CAF_CHECK(s.is_served(next));
      auto& third = s.comes_alone();
      CAF_CHECK(s.hears(third, setting + " = 2"));
      s.install("", setting + " = 20");
      CAF_CHECK(s.is_served(s.comes_alone()));
    }
  }
}

CAF_TEST(without descriptors who comes waits and who is there is served) {
  crowd s{{.network = "allowed_domains = [\"example.com\"]", .loops = 2}};
  s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  auto& at = s.serve_at("93.184.216.34", 80);
  auto& inside = s.client();
  auto& admin = s.client(8080);
  auto& tunnel = s.tunnel("example.com:80");
  auto& origin = s.accept(at);
  s.pass(1s);
  // Neither the process nor the system has any: what the workers hold in reserve is of no use.
  s.here.limit_descriptors(s.here.descriptors());
  s.here.fail(simulation::call::accept, ENFILE, 1'000'000);
  auto steps = s.w.steps();
  auto late = s.come(20);
  for (auto* each : late)
    each->say(get("http://refused.test/"));
  s.pass(10s);
  // A listener that rests: ten times a second, and neither more often nor once for each client.
  CAF_CHECK(s.w.steps() - steps < 2000);
  auto pauses = count_in(log_of(s), "msg=accept_paused listener=192.0.2.1:3128 error=");
  CAF_CHECK(pauses >= 50 && pauses <= 400);
  for (auto* each : late)
    CAF_CHECK_EQUAL(each->text, "");
  CAF_CHECK(s.is_served(inside));
  tunnel.say("as before");
  CAF_CHECK(s.hears(origin, "as before"));
  admin.say("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "failed: listeners"));
  admin.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "codex_network_proxy_accept_pauses_total"));
  // What needs one is refused with a cause, and its client is not cut off.
  inside.forget();
  inside.say(get("http://example.com/"));
  CAF_CHECK(s.hears(inside, "HTTP/1.1 50"));
  CAF_CHECK(s.is_served(inside));
  // All is well again: those who waited are served within the rest of a listener.
  s.here.limit_descriptors(1 << 20);
  s.here.fail(simulation::call::accept, 0, 0);
  for (auto* each : late)
    CAF_CHECK(s.hears(*each, "HTTP/1.1 403", 200ms));
  inside.forget();
  inside.say(get("http://example.com/"));
  auto& again = s.accept(at);
  again.say(ok("hello"));
  CAF_CHECK(s.hears(inside, "hello"));
  admin.forget();
  s.pass(1s);
  admin.say("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "HTTP/1.1 200"));
}

CAF_TEST(the admin API is come to again once the system has descriptors) {
  crowd s;
  s.here.limit_descriptors(s.here.descriptors());
  s.here.fail(simulation::call::accept, ENFILE, 1'000'000);
  auto& admin = s.client(8080);
  admin.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(!s.hears(admin, "ok", 5s));
  s.here.fail(simulation::call::accept, 0, 0); // the process has none still, but for the reserve
  CAF_CHECK(s.hears(admin, "\r\n\r\nok", 200ms));
  admin.close();
  auto& next = s.client(8080);
  next.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(next, "\r\n\r\nok", 200ms));
}

CAF_TEST(a reload that cannot have its listeners is refused and nothing is lost) {
  crowd s{{.loops = 2}};
  auto& inside = s.client();
  auto& admin = s.client(8080);
  s.pass(1s);
  auto sockets = s.here.sockets();
  s.here.limit_descriptors(s.here.descriptors());
  std::ifstream file{s.at("config.toml")};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto port = text.find(":3128");
  s.write("config.toml", text.replace(port, 5, ":4128"));
  admin.say("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(admin, "HTTP/1.1 422"));
  CAF_CHECK(s.hears(admin, "cannot listen on 192.0.2.1:4128: socket: Too many open files"));
  CAF_CHECK_EQUAL(s.here.sockets(), sockets);
  CAF_CHECK(s.is_served(inside));
  s.here.limit_descriptors(1 << 20);
  admin.forget();
  admin.say("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(admin, "HTTP/1.1 200"));
  CAF_CHECK(s.is_served(inside));
  CAF_CHECK(s.is_served(s.client(4128)));
}
