#define CAF_SUITE actors.flows.reload
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include <unistd.h>

#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const std::string both = R"(allowed_domains = ["stays.test", "goes.test"])";
const std::string one = R"(allowed_domains = ["stays.test"])";

struct served : stage {
  explicit served(stage_settings with = {.network = both}) : stage(std::move(with)) {
    names.names["stays.test"] = {.addresses = {ip("93.184.216.34")}};
    names.names["goes.test"] = {.addresses = {ip("93.184.216.35")}};
  }
  origin& stays = serve_at("93.184.216.34", 80);
  origin& goes = serve_at("93.184.216.35", 80);

  /// What the admin API answers.
  std::string admin(const std::string& method, const std::string& path, const std::string& body) {
    auto& asks = client(8080);
    asks.say(method + ' ' + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    CAF_CHECK(is_over(asks, 3min));
    return asks.text;
  }
  /// Which generation is in force.
  uint64_t generation() {
    auto now = ask<snapshot_ptr>(store, atom::current_v);
    CAF_REQUIRE(until([&] { return now->has_value(); }));
    return (**now)->generation;
  }
  /// What a new client gets.
  std::string status(const std::string& request) {
    auto& who = client();
    who.say(request);
    CAF_CHECK(until([&] { return who.hears("\r\n\r\n") || who.is_over(); }));
    return who.text.substr(0, std::min<size_t>(who.text.size(), 12));
  }
};

/// What a change was refused for, or warns of.
std::string told(const reload_outcome& of) {
  std::string out;
  for (const auto& each : of.problems)
    out += each.str() + '\n';
  return out;
}

/// The whole log.
std::string log_of(stage& s) { return s.log(); }

} // namespace

CAF_TEST(a reload is answered when all workers serve it and it closes what it refuses alone) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    served s{{.network = both, .seed = seed, .loops = 2}};
    std::vector<party*> kept, cut, origins;
    for (int i = 0; i < 6; ++i) {
      kept.push_back(&s.tunnel("stays.test:80"));
      origins.push_back(&s.accept(s.stays));
      cut.push_back(&s.tunnel("goes.test:80"));
      (void)s.accept(s.goes);
    }
    for (const auto& each : s.process->connections)
      CAF_REQUIRE_NOT_EQUAL(each.load(), 0u);
    auto outcome = s.reload(one);
    CAF_REQUIRE(outcome.report);
    CAF_CHECK_EQUAL(outcome.report->generation, 2u);
    CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 6u);
    for (auto* each : cut)
      CAF_CHECK(s.is_over(*each));
    for (size_t i = 0; i < kept.size(); ++i) {
      kept[i]->say("still there");
      CAF_CHECK(s.hears(*origins[i], "still there"));
    }
    auto all = s.decisions();
    CAF_CHECK_EQUAL(std::ranges::count(all, "deny https_connect goes.test:80 not_allowed"), 6);
  }
}

CAF_TEST(tunnels that end by themselves as a reload comes hold up nobody) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    served s{{.network = both, .seed = seed, .loops = 2}};
    std::vector<party*> all;
    for (int i = 0; i < 12; ++i) {
      all.push_back(&s.tunnel("goes.test:80"));
      (void)s.accept(s.goes);
    }
    auto answer = s.begin_reload(one);
    size_t gone = 0;
    CAF_REQUIRE(s.until(
      [&] {
        if (gone < all.size() && s.w.steps() % 2 == 0)
          all[gone++]->reset();
        return answer->has_value();
      },
      1s));
    CAF_REQUIRE((*answer)->report);
    CAF_CHECK((*answer)->report->closed_tunnels <= all.size());
    s.pass(1s);
    auto denied = std::ranges::count(s.decisions(), "deny https_connect goes.test:80 not_allowed");
    CAF_CHECK_EQUAL(static_cast<uint64_t>(denied), (*answer)->report->closed_tunnels);
  }
}

CAF_TEST(what changed is told and what waits for a restart) {
  using words = std::vector<std::string>;
  struct row {
    std::string network, daemon;
    words changed, needs_restart;
  };
  const std::string lists = "permissions.dev.network.allowed_domains";
  for (const auto& [network, daemon, changed, needs_restart] : {
         row{both, "", {}, {}},
         row{one, "", {lists}, {}},
         row{both, "timeouts.idle = \"1m\"", {"network_proxy.timeouts.idle"}, {}},
         row{one, "workers = 7", {lists}, {"network_proxy.workers"}},
       }) {
    CAF_MESSAGE(network << ' ' << daemon);
    served s;
    auto outcome = s.reload(network, daemon);
    CAF_REQUIRE(outcome.report);
    CAF_CHECK(outcome.report->changed == changed);
    CAF_CHECK(outcome.report->needs_restart == needs_restart);
    auto warned = has(log_of(s), "msg=needs_restart key=network_proxy.workers");
    CAF_CHECK_EQUAL(warned, !needs_restart.empty());
    // What waits for a restart is no change that was made: it is named again.
    auto again = s.reload(network, daemon);
    CAF_CHECK(again.report->changed.empty());
    CAF_CHECK(again.report->needs_restart == needs_restart);
  }
}

CAF_TEST(the admin API answers a reload with what it came to) {
  served s{{.network = one, .loops = 2}};
  auto same = s.admin("POST", "/reload", "");
  CAF_CHECK(has(same, "HTTP/1.1 200"));
  CAF_CHECK(has(same, R"({"status":"reloaded","generation":2,"changed":[],"closed_tunnels":0)"));
  s.write("config.toml", "not = [toml");
  auto broken = s.admin("POST", "/reload", "");
  CAF_CHECK(has(broken, "HTTP/1.1 422"));
  CAF_CHECK(has(broken, R"({"status":"refused","errors":[)"));
  CAF_CHECK(has(broken, "config.toml:1:"));
  auto& well = s.client();
  well.say(get("http://stays.test/"));
  CAF_CHECK(s.hears(s.accept(s.stays), "GET / "));
}

CAF_TEST(a bad configuration changes nothing and says what is wrong) {
  struct row {
    std::string network, daemon, what;
  };
  served s;
  auto& tunnel = s.tunnel("goes.test:80");
  auto& origin = s.accept(s.goes);
  auto sockets = s.here.sockets();
  size_t logged = 0;
  for (const auto& [network, daemon, what] : std::initializer_list<row>{
         {"allowed_domains = [", "", "config.toml:"},
         {R"(allowed_domain = ["stays.test"])", "", "allowed_domain"},
         {R"(allowed_domains = ["*"])", "", "\"*\""},
         {R"(denied_domains = ["10.0.0.1/8"])", "", "10.0.0.1/8"},
         {"mode = \"half\"", "", "mode"},
         {one + "\n[[permissions.dev.network.mitm_hooks]]\nhost = \"goes.test\"", "", "mitm"},
         {one, "limits.max_connections = -1", "max_connections"},
         {one, "timeouts.idle = \"soon\"", "timeouts.idle"},
         {one, "audit.output = \"file:/no/such/folder/audit\"", "audit"},
         {one + "\nclient_certificates = [{hosts = [\"a.test\"], cert = \"no.pem\", key = \"no\"}]",
          "", "client_certificates"},
       }) {
    CAF_MESSAGE(network << ' ' << daemon);
    auto outcome = s.reload(network, daemon);
    CAF_CHECK(!outcome.report);
    CAF_CHECK(has(told(outcome), what));
    auto log = log_of(s);
    CAF_CHECK(has(log.substr(logged), "level=error msg=reload_refused detail="));
    logged = log.size();
  }
  CAF_CHECK_EQUAL(s.here.sockets(), sockets);
  tunnel.say("as before");
  CAF_CHECK(s.hears(origin, "as before"));
  CAF_CHECK_EQUAL(s.generation(), 1u);
  s.install(one); // and nothing of the bad ones is left
  CAF_CHECK_EQUAL(s.generation(), 2u);
  CAF_CHECK(s.is_over(tunnel));
}

CAF_TEST(changes are made one after the other as they were asked for) {
  served s{{.network = both, .loops = 2}};
  std::vector<std::shared_ptr<std::optional<reload_outcome>>> all;
  std::vector<uint64_t> order;
  auto& speaks = s.client();
  auto reloaded = [&] { all.push_back(s.ask<reload_outcome>(s.store, atom::reload_v)); };
  auto switched = [&](policy::mode to) {
    all.push_back(s.ask<reload_outcome>(s.store, atom::set_mode_v, to));
    // Two who ask at one moment have no order: the first question has to be there.
    s.pass(0s);
  };
  reloaded();
  s.pass(0s);
  switched(policy::mode::limited);
  reloaded();
  s.pass(0s);
  all.push_back(s.ask<reload_outcome>(s.store, atom::lift_mode_v));
  s.pass(0s);
  switched(policy::mode::limited);
  CAF_REQUIRE(s.until([&] { return std::ranges::all_of(all, [](auto& x) { return bool{*x}; }); }));
  for (const auto& each : all) {
    CAF_REQUIRE((*each)->report);
    order.push_back((*each)->report->generation);
  }
  CAF_CHECK(order == (std::vector<uint64_t>{2, 3, 4, 5, 6}));
  speaks.say("POST http://stays.test/ HTTP/1.1\r\nHost: stays.test\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(speaks, "blocked-by-method-policy"));
}

CAF_TEST(more changes than may wait are refused at once and the rest are made) {
  served s;
  std::vector<std::shared_ptr<std::optional<reload_outcome>>> all;
  constexpr size_t too_many = 9;
  for (size_t i = 0; i < max_waiting_changes + 1 + too_many; ++i)
    all.push_back(s.ask<reload_outcome>(s.store, atom::reload_v));
  CAF_REQUIRE(s.until([&] { return std::ranges::all_of(all, [](auto& x) { return bool{*x}; }); }));
  size_t refused = 0;
  for (const auto& each : all)
    if (!(*each)->report) {
      ++refused;
      CAF_CHECK(has(told(**each), "too many changes are waiting"));
    }
  // Some may have been made before the last was asked for.
  CAF_CHECK(refused <= too_many);
  CAF_CHECK_EQUAL(s.generation(), 1 + all.size() - refused);
}

CAF_TEST(a mode that was set outlives reloads until it is lifted) {
  served s;
  const std::string post =
    "POST http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\nContent-Length: 0\r\n\r\n";
  s.names.names["goes.test"] = {.code = 3}; // nobody is dialled: 502 where policy lets it through
  auto set = [&](const std::string& to) {
    return s.admin("POST", "/mode", "{\"mode\":\"" + to + "\"}");
  };
  CAF_CHECK(has(set("limited"), R"({"status":"ok","mode":"limited"})"));
  CAF_CHECK_EQUAL(s.status(post), "HTTP/1.1 403");
  s.install(both);
  CAF_CHECK_EQUAL(s.status(post), "HTTP/1.1 403");
  CAF_CHECK(!s.reload("mode = 1").report);
  CAF_CHECK_EQUAL(s.status(post), "HTTP/1.1 403");
  s.install(both);
  CAF_CHECK(has(set("config"), R"("mode":"full","mode_override":null)"));
  CAF_CHECK_EQUAL(s.status(post), "HTTP/1.1 502");
  for (std::string body : {"", "{}", "{\"mode\":\"off\"}", "full", "{\"mode\":1}"}) {
    CAF_CHECK(has(s.admin("POST", "/mode", body), "HTTP/1.1 400"));
    CAF_CHECK_EQUAL(s.generation(), 5u);
  }
}

CAF_TEST(what the managed layer sets binds reloads and modes that are set) {
  served s;
  s.write("managed.toml", "[permissions.dev.network]\nmode = \"limited\"\n"
                          "allowed_domains = [\"stays.test\"]\n");
  auto wide = s.reload(both + "\nmode = \"full\"");
  CAF_CHECK(!wide.report);
  for (auto what : {"allowed_domains", "goes.test", "permissions.dev.network.mode"})
    CAF_CHECK(has(told(wide), what));
  CAF_CHECK_EQUAL(s.generation(), 1u);
  s.install(one);
  CAF_CHECK(has(s.admin("POST", "/mode", R"({"mode":"full"})"), "HTTP/1.1 422"));
  CAF_CHECK(has(s.admin("POST", "/mode", R"({"mode":"limited"})"), "HTTP/1.1 200"));
  CAF_CHECK_EQUAL(
    s.status("POST http://stays.test/ HTTP/1.1\r\nHost: stays.test\r\nContent-Length: 0\r\n\r\n"),
    "HTTP/1.1 403");
}

CAF_TEST(a mode that the managed layer forbids later yields to it) {
  served s;
  CAF_CHECK(s.set_mode(policy::mode::full).report);
  s.write("managed.toml", "[permissions.dev.network]\nmode = \"limited\"\n");
  s.install(one + "\nmode = \"limited\"");
  CAF_CHECK_EQUAL(
    s.status("POST http://stays.test/ HTTP/1.1\r\nHost: stays.test\r\nContent-Length: 0\r\n\r\n"),
    "HTTP/1.1 403");
}
