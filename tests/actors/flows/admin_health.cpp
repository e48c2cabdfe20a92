#define CAF_SUITE actors.flows.admin_health
#include "actors/admin/probe.hpp" // unit under test

#include "tests/actors/control/mock_shard.hpp"
#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = "allowed_domains = [\"good.test\"]\n";

struct probed : stage {
  explicit probed(const std::string& more = "", std::string daemon = "")
    : stage({.network = allowed + more,
             .daemon = std::move(daemon),
             .loops = 2,
             .environment = {{"ADMIN_TOKEN", "s3cret-token"}}}) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at = serve_at("93.184.216.34", 80);

  using shard_type = std::remove_pointer_t<shard_pointer>;
  shard_state& state_of(size_t worker) { return local<shard_type>(shards[worker]).state; }

  /// "200 ok", "503 failed: …".
  std::string probe(const std::string& path) {
    auto answer = ask_admin(*this, "GET " + path);
    return answer.substr(9, 4) + answer.substr(answer.find("\r\n\r\n") + 4);
  }

  /// Who still waits for a beat owns the worker that does not give it, which owns the wait.
  ~probed() {
    if (third)
      third->beats.clear();
  }

  /// From now on there is a third worker, for those that the admin API asks.
  std::shared_ptr<noted> add_worker() {
    auto into = third = std::make_shared<noted>();
    auto peers = std::make_shared<peer_handles>();
    peers->store = store;
    peers->shards = shards;
    peers->shards.push_back(
      caf::actor_cast<shard_actor>(w.system().spawn<caf::hidden>(mock_shard, into)));
    for (const auto& each : shards)
      caf::anon_send(each, atom::listen_v, peers_ptr{peers});
    pass(1ms);
    return into;
  }

private:
  std::shared_ptr<noted> third;
};

} // namespace

CAF_TEST(a proxy that is well says so in as many words as it is asked for) {
  probed s;
  for (std::string path : {"/livez", "/readyz", "/healthz", "/livez/supervisor", "/readyz/ca"}) {
    auto answer = s.probe(path);
    CAF_MESSAGE(path);
    CAF_CHECK_EQUAL(answer, "200 ok");
  }
  auto live = s.probe("/livez?verbose");
  CAF_CHECK_EQUAL(live, "200 [+]loops ok: 2 of 2 answer\n"
                        "[+]policy_store ok: answers\n"
                        "[+]supervisor ok: no part is lost\n");
  auto ready = s.probe("/readyz?verbose");
  CAF_CHECK_EQUAL(ready, "200 [+]loops ok: 2 of 2 answer\n"
                         "[+]listeners ok: 4 of 4 open\n"
                         "[+]policy ok: generation 1\n"
                         "[+]ca ok: interception is off\n"
                         "[+]shutdown ok: not begun\n");
  auto json = ask_admin(s, "GET /readyz/loops?verbose=json");
  CAF_CHECK(has(json, "content-type: application/json\r\n"));
  CAF_CHECK(json.ends_with(
    R"({"status":"ok","checks":[{"name":"loops","ok":true,"detail":"2 of 2 answer"}]})"));
}

CAF_TEST(a check that there is not is 404) {
  probed s;
  for (std::string path :
       {"/readyz/", "/readyz/nothing", "/readyz/supervisor", "/livez/ca", "/livez/loops/"})
    CAF_CHECK(s.probe(path).starts_with("404 "));
}

CAF_TEST(a worker that does not answer within a second is neither live nor ready) {
  probed s;
  auto third = s.add_worker();
  third->hangs = true;
  auto& asks = s.client(8080);
  asks.say("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(900ms);
  CAF_CHECK_EQUAL(asks.text, "");
  CAF_CHECK(s.hears(asks, "failed: loops", 200ms));
  CAF_CHECK(asks.text.starts_with("HTTP/1.1 503"));
  auto ready = s.probe("/readyz?verbose");
  CAF_CHECK(ready.starts_with("503 [-]loops failed: 2 of 3 answer\n[+]listeners ok"));
  third->hangs = false;
  third->beats.clear();
  CAF_CHECK_EQUAL(s.probe("/livez"), "200 ok"s);
}

CAF_TEST(a proxy that drains is live and not ready and its tunnels go on) {
  probed s;
  auto& client = s.tunnel("good.test:80");
  auto& origin = s.accept(s.at);
  auto drained = s.drain();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.probe("/readyz"), "503 failed: listeners, shutdown"s);
  CAF_CHECK_EQUAL(s.probe("/healthz"), "503 failed: listeners, shutdown"s);
  CAF_CHECK_EQUAL(s.probe("/livez"), "200 ok"s);
  CAF_CHECK(has(s.probe("/readyz?verbose"), "[-]shutdown failed: the proxy is ending\n"));
  client.say("still here");
  CAF_CHECK(s.hears(origin, "still here"));
  CAF_CHECK(!drained->has_value());
}

CAF_TEST(a proxy that a reload turns off is not ready) {
  probed s;
  s.install(allowed, "");
  CAF_CHECK_EQUAL(s.probe("/readyz"), "200 ok"s);
  s.write("config.toml", "[network_proxy]\nadmin_url = \"http://192.0.2.1:8080\"\n"
                         "dangerously_allow_non_loopback_admin = true\n"
                         "enabled = false\n");
  auto done = s.ask<reload_outcome>(s.store, atom::reload_v);
  CAF_REQUIRE(s.until([&] { return done->has_value(); }));
  CAF_REQUIRE((*done)->report);
  CAF_CHECK(has(s.probe("/readyz?verbose"), "[-]listeners failed: the policy has none\n"));
  CAF_CHECK_EQUAL(s.probe("/livez"), "200 ok"s);
}

CAF_TEST(a listener that is gone is told to who asks just then) {
  size_t told = 0;
  // The loss comes at another step of the request each time.
  for (int steps = 0; steps < 12; ++steps) {
    CAF_MESSAGE(steps);
    probed s;
    auto& asks = s.client(8080);
    asks.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < steps; ++i)
      (void)s.w.step(s.w.time().now() + 1ms);
    for (const auto& [socket, actor] : s.state_of(1).listeners)
      if (socket->serves == endpoint::socks)
        caf::anon_send_exit(actor, caf::exit_reason::kill);
    CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 100ms));
    CAF_CHECK(s.is_over(asks, 10ms));
    auto complete = has(asks.text, "\r\n\r\nok") || has(asks.text, "\r\n\r\nfailed: ");
    CAF_CHECK(asks.text.empty() || complete);
    told += has(asks.text, "failed: supervisor, listeners");
  }
  CAF_CHECK(told > 0);
}

CAF_TEST(a CA that is lost or whose time is over is told where something is intercepted) {
  for (auto intercepts : {true, false})
    for (auto lost : {true, false}) {
      probed s{intercepts ? "mitm = true" : ""};
      CAF_CHECK_EQUAL(s.probe("/readyz"), "200 ok"s);
      CAF_CHECK_EQUAL(s.probe("/readyz/ca"), "200 ok"s);
      if (lost)
        caf::anon_send_exit(s.state_of(0).core->ca, caf::exit_reason::kill);
      else
        s.w.time().set_wall(s.w.time().wall() + std::chrono::hours{24 * 365 * 11});
      s.pass(1ms);
      CAF_CHECK_EQUAL(s.probe("/readyz"), intercepts ? "503 failed: ca"s : "200 ok"s);
      CAF_CHECK_EQUAL(s.probe("/livez"), "200 ok"s);
    }
}

CAF_TEST(a policy store that is lost is not live and the answer does not wait for it) {
  probed s;
  caf::anon_send_exit(s.store, caf::exit_reason::kill);
  s.pass(1ms);
  CAF_CHECK_EQUAL(s.probe("/livez"), "503 failed: policy_store"s);
}

CAF_TEST(with a token details need it and words do not ) {
  probed s{"", "admin_token_env = \"ADMIN_TOKEN\""};
  auto shown = "Authorization: Bearer s3cret-token\r\n"s;
  for (std::string path : {"/livez", "/readyz", "/healthz", "/readyz/loops"}) {
    CAF_MESSAGE(path);
    CAF_CHECK_EQUAL(s.probe(path), "200 ok"s);
    CAF_CHECK(s.probe(path + "?verbose").starts_with("401 "));
    CAF_CHECK(s.probe(path + "?verbose=json").starts_with("401 "));
    auto told = ask_admin(s, "GET " + path + "?verbose", shown);
    CAF_CHECK(told.starts_with("HTTP/1.1 200"));
    CAF_CHECK(has(told, "[+]loops ok"));
  }
}

CAF_TEST(HEAD has the status and no body) {
  probed s;
  auto third = s.add_worker();
  for (auto hangs : {false, true}) {
    third->hangs = hangs;
    auto live = ask_admin(s, "HEAD /livez");
    CAF_CHECK(live.starts_with(hangs ? "HTTP/1.1 503" : "HTTP/1.1 200"));
    CAF_CHECK(live.ends_with("\r\n\r\n"));
  }
}
