#define CAF_SUITE actors.loop.simulation.proxy

#include "actors/control/generation.hpp"
#include "actors/shard_behavior.hpp"
#include "tests/actors/loop/simulation/peer.hpp"
#include "tests/config/support.hpp"

/// A shard with its clients and origins in a made-up world.

using namespace proxy;
using namespace proxy::test;
using namespace proxy::simulation;
using namespace std::chrono_literals;

namespace {

struct proxy_world : config::test::folder {
  explicit proxy_world(uint64_t seed = 1) : w(seed) {
    process->log =
      std::make_shared<logger>(config::log{}, [](std::string_view) { return size_t{0}; });
    origin_listens = listen_at(origin, ip("93.184.216.34"), 80);
    shard = spawn_pinned(loop, proxy::shard, shard_start{0, process, closed_snapshot(), {}, {}});
    listeners = {
      unbox(bind_listener(endpoint::http, {.ip = "192.0.2.1", .port = 3128, .path = {}}, here))};
    install("allowed_domains = [\"93.184.216.34\"]\n");
  }
  ~proxy_world() {
    caf::anon_send(shard, atom::abort_v);
    shard = nullptr;
    listeners.clear();
    w.run_for(1min);
  }

  void install(const std::string& lines, const std::string& daemon = "") {
    write("config.toml",
          config::test::newer(
            "enabled = true\nenable_socks5 = false\nproxy_url = \"127.0.0.1:0\"\n" + lines) +
            "\n[network_proxy]\nadmin_url = \"\"\n" + daemon);
    auto made = prepare(from(), ++generation, {});
    CAF_REQUIRE(made.next);
    auto next = made.next;
    auto installed = std::make_shared<bool>(false);
    auto tell = [=, whom = shard, at = listeners](caf::event_based_actor* asker, int) {
      asker->request(whom, 1min, atom::install_v, next, at).then([=](uint64_t) {
        *installed = true;
      });
    };
    w.system().spawn<caf::hidden>(tell, 0); // without an argument CAF binds a null reference
    CAF_REQUIRE(w.run_until([=] { return *installed; }, 1min));
  }

  void connect(peer& who) {
    CAF_REQUIRE_EQUAL(who.connect(ip("192.0.2.1"), 3128), 0);
    CAF_REQUIRE(w.run_until([&] { return who.is_connected(); }, 10s));
  }
  bool hears(peer& who, std::string_view what, std::chrono::nanoseconds span = 10s) {
    return w.run_until([&] { return who.hears(what); }, span);
  }
  bool origin_accepts(peer& who) {
    return w.run_until([&] { return who.accept(origin_listens); }, 10s);
  }

  world w;
  node& user = w.net().add_node("client", {ip("192.0.2.9")});
  node& here = w.net().add_node("proxy", {ip("192.0.2.1")});
  node& origin = w.net().add_node("origin", {ip("93.184.216.34")});
  event_loop& loop = w.add_loop(here);
  std::shared_ptr<process_state> process = std::make_shared<process_state>(1, w.machine_of(here));
  shard_actor shard;
  listener_set listeners;
  uint64_t generation = 0;
  int origin_listens = -1;
};

const std::string get = "GET http://93.184.216.34/ HTTP/1.1\r\nHost: 93.184.216.34\r\n\r\n";

/// A request and its answer over ways that take their time. @returns how long it took, and the
/// trace.
std::pair<std::chrono::nanoseconds, uint64_t> serve_one(uint64_t seed) {
  proxy_world p{seed};
  conditions way;
  way.delay = 10ms;
  way.jitter = 5ms;
  way.longest_read = 7;
  way.spurious = 50'000;
  for (auto* each : {&p.user, &p.origin}) {
    p.w.net().set_conditions(*each, p.here, way);
    p.w.net().set_conditions(p.here, *each, way);
  }
  auto began = p.w.time().now();
  peer client{p.user}, server{p.origin};
  p.connect(client);
  CAF_CHECK_EQUAL(client.say(get), get.size());
  CAF_REQUIRE(p.origin_accepts(server));
  CAF_CHECK(p.hears(server, "GET / HTTP/1.1\r\n"));
  CAF_CHECK(p.hears(server, "\r\n\r\n"));
  server.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  CAF_CHECK(p.hears(client, "hello"));
  return {p.w.time().now() - began, p.w.trace()};
}

} // namespace

CAF_TEST(a request is served over ways that take their time and runs the same again) {
  auto [took, trace] = serve_one(1);
  CAF_CHECK(took >= 60ms && took < 1s);
  CAF_CHECK(serve_one(1) == std::pair(took, trace));
  CAF_CHECK(serve_one(2).second != trace);
}

CAF_TEST(whoever is refused is told why and no origin hears of it) {
  proxy_world p;
  peer client{p.user};
  p.connect(client);
  client.say("GET http://203.0.113.77/ HTTP/1.1\r\nHost: 203.0.113.77\r\n\r\n");
  CAF_CHECK(p.hears(client, "x-proxy-error: blocked-by-allowlist"));
}

CAF_TEST(a tunnel carries both ways and each half ends by itself) {
  proxy_world p;
  peer client{p.user}, server{p.origin};
  p.connect(client);
  client.say("CONNECT 93.184.216.34:80 HTTP/1.1\r\nHost: 93.184.216.34:80\r\n\r\n");
  CAF_REQUIRE(p.origin_accepts(server));
  CAF_CHECK(p.hears(client, "200 Connection established\r\n\r\n"));
  const std::string bulk(300'000, 'u');
  size_t sent = 0;
  CAF_CHECK(p.w.run_until(
    [&] {
      if (sent < bulk.size())
        sent += client.say(std::string_view{bulk}.substr(sent));
      return server.heard().size() == bulk.size();
    },
    1min));
  client.finish();
  CAF_CHECK(p.w.run_until([&] { return (void)server.heard(), server.ended; }, 10s));
  server.say("still here");
  CAF_CHECK(p.hears(client, "still here"));
  CAF_CHECK(!client.ended);
  server.close();
  CAF_CHECK(p.w.run_until([&] { return (void)client.heard(), client.ended; }, 10s));
}

CAF_TEST(an origin that resets resets its client) {
  proxy_world p;
  peer client{p.user}, server{p.origin};
  p.connect(client);
  client.say("CONNECT 93.184.216.34:80 HTTP/1.1\r\nHost: 93.184.216.34:80\r\n\r\n");
  CAF_REQUIRE(p.origin_accepts(server));
  CAF_REQUIRE(p.hears(client, "\r\n\r\n"));
  server.reset();
  CAF_CHECK(p.w.run_until([&] { return (void)client.heard(), client.error == ECONNRESET; }, 10s));
}

CAF_TEST(an origin that never answers is given up at the deadline and not before) {
  proxy_world p;
  p.install("allowed_domains = [\"93.184.216.34\"]\n", "timeouts.connect = \"7s\"\n");
  conditions nothing;
  nothing.swallows = true;
  p.w.net().set_conditions(p.here, p.origin, nothing);
  peer client{p.user};
  p.connect(client);
  client.say(get);
  CAF_CHECK(!p.hears(client, "504", 6s));
  CAF_CHECK(p.hears(client, "504", 2s));
}

CAF_TEST(a policy that refuses ends the tunnel that it would not open) {
  proxy_world p;
  peer client{p.user}, server{p.origin};
  p.connect(client);
  client.say("CONNECT 93.184.216.34:80 HTTP/1.1\r\nHost: 93.184.216.34:80\r\n\r\n");
  CAF_REQUIRE(p.origin_accepts(server));
  CAF_REQUIRE(p.hears(client, "\r\n\r\n"));
  p.install("allowed_domains = [\"93.184.216.35\"]\n");
  CAF_CHECK(
    p.w.run_until([&] { return (void)client.heard(), client.ended || client.error != 0; }, 10s));
  CAF_CHECK(
    p.w.run_until([&] { return (void)server.heard(), server.ended || server.error != 0; }, 10s));
}

CAF_TEST(nothing is left open when everybody has gone) {
  auto p = std::make_unique<proxy_world>();
  {
    peer client{p->user}, server{p->origin};
    p->connect(client);
    client.say(get);
    CAF_REQUIRE(p->origin_accepts(server));
    CAF_CHECK(p->hears(server, "\r\n\r\n"));
    server.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    CAF_CHECK(p->hears(client, "ok"));
  }
  p->w.run_for(10s);
  CAF_CHECK_EQUAL(p->here.descriptors(), 1u); // the listener
  CAF_CHECK_EQUAL(p->user.descriptors(), 0u);
}
