#define CAF_SUITE actors.flows.loss
#include "actors/control/supervisor.hpp" // unit under test

#include <unistd.h>

#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using shard_type = std::remove_pointer_t<shard_pointer>;

struct watched : stage {
  explicit watched(uint64_t seed = 1)
    : stage({.network = "allowed_domains = [\"example.com\"]",
             .daemon = "timeouts.dns = \"20s\"",
             .seed = seed,
             .loops = 2}) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    watch("policy_store", store);
    watch("listener_owner", owner);
    for (size_t i = 0; i < shards.size(); ++i)
      watch(worker_name(i), shards[i]);
    watch("audit", state_of(0).audit);
    watch("ca", state_of(0).core->ca);
    pass(1ms);
  }
  origin& at_origin = serve_at("93.184.216.34", 80);

  /// As `network_proxy` does: from now on the proxy ends when this one ends.
  template <class Handle>
  void watch(const std::string& name, const Handle& who) {
    all[name] = caf::actor_cast<caf::actor>(who);
    caf::anon_send(watcher, atom::watch_v, name, false,
                   caf::actor_cast<caf::strong_actor_ptr>(who));
  }
  shard_state& state_of(size_t worker) { return local<shard_type>(shards[worker]).state; }
  caf::actor find(const std::string& name) {
    if (name == "resolver of worker 1")
      return caf::actor_cast<caf::actor>(state_of(1).core->resolver);
    for (const auto& [socket, actor] : state_of(0).listeners)
      if (name == std::string{to_string(socket->serves)} + " listener of worker 0")
        return caf::actor_cast<caf::actor>(actor);
    return all.at(name);
  }
  void lose(const std::string& name) { caf::anon_send_exit(find(name), caf::exit_reason::kill); }

  std::string log_text() { return log(); }
  bool is_refused(uint16_t port) {
    auto& who = client(port);
    return is_over(who, 1s);
  }

  std::map<std::string, caf::actor> all;
};

const std::vector<std::string> actors{"policy_store",
                                      "listener_owner",
                                      "audit",
                                      "ca",
                                      "worker 0",
                                      "worker 1",
                                      "resolver of worker 1",
                                      "http listener of worker 0",
                                      "socks listener of worker 0",
                                      "admin listener of worker 0"};

} // namespace

CAF_TEST(whoever is lost closes everything and the log and the owner are told who) {
  uint64_t seed = 0;
  for (const auto& name : actors) {
    CAF_MESSAGE(name);
    watched s{++seed};
    std::vector<party*> tunnels;
    for (int i = 0; i < 4; ++i) {
      tunnels.push_back(&s.tunnel("example.com:80"));
      tunnels.push_back(&s.accept(s.at_origin));
    }
    auto& waits = s.client();
    waits.say(get("http://example.com/"));
    auto& origin = s.accept(s.at_origin);
    CAF_CHECK(s.hears(origin, "GET / "));
    auto& idle = s.client();
    s.pass(1s);
    s.lose(name);
    s.pass(10ms);
    for (auto* each : tunnels)
      CAF_CHECK(each->is_over());
    for (auto* each : {&waits, &origin, &idle})
      CAF_CHECK(each->is_over());
    CAF_CHECK_EQUAL(waits.text, "");
    for (auto port : {uint16_t{3128}, uint16_t{1080}, uint16_t{8080}})
      CAF_CHECK(s.is_refused(port));
    auto log = s.log_text();
    CAF_CHECK(has(log, "level=error msg=actor_lost actor=\"" + name + "\" error="));
    CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 1s));
    CAF_CHECK(s.failure.starts_with(name + ": "));
    CAF_CHECK(has(s.log_text(), "msg=stopped lost=\"" + name + ": "));
  }
}

CAF_TEST(the owner is told at once where nobody waits for an answer) {
  struct row {
    std::string_view what, says;
  };
  for (auto [what, says] : std::initializer_list<row>{
         {"nobody has come", ""},
         {"has not asked yet", "-"},
         {"has been answered", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"},
         {"half a head", "GET /health HTTP/1.1\r\nHo"},
         {"half a body", "POST /mode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"},
         {"waits for 100", "POST /mode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                           "Expect: 100-continue\r\n\r\n"},
       }) {
    CAF_MESSAGE(what);
    watched s;
    party* admin = says.empty() ? nullptr : &s.client(8080);
    if (admin && says != "-")
      admin->say(std::string{says});
    s.pass(1s);
    s.lose("audit");
    s.pass(10ms);
    CAF_CHECK(has(s.log_text(), "msg=actor_lost actor=\"audit\""));
    CAF_CHECK(has(s.log_text(), "msg=stopped lost=\"audit: "));
    CAF_CHECK(s.failure.starts_with("audit: "));
    CAF_CHECK(!admin || admin->is_over());
  }
}

CAF_TEST(the owner is told once the last answer is given and not before) {
  watched s;
  s.names.names["example.com"].late = 2s;
  auto& admin = s.client(8080);
  admin.say("GET /explain?url=http://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(1s);
  s.lose("audit");
  s.pass(900ms);
  CAF_CHECK(has(s.log_text(), "msg=actor_lost actor=\"audit\""));
  CAF_CHECK_EQUAL(s.failure, "");
  CAF_CHECK(!has(s.log_text(), "msg=stopped"));
  CAF_CHECK(s.is_refused(8080));
  CAF_REQUIRE(s.until([&] { return !s.failure.empty(); }, 1s));
  s.pass(10ms); // as long as the way there takes
  CAF_CHECK(admin.hears("HTTP/1.1 200"));
  CAF_CHECK(admin.hears("\"decision\":\"allow\""));
  CAF_CHECK(admin.is_over());
}

CAF_TEST(a client of the admin API whose answer does not come is not waited for long) {
  watched s;
  s.names.names["example.com"].silent = true;
  auto& admin = s.client(8080);
  admin.say("GET /explain?url=http://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(1s);
  s.lose("audit");
  s.pass(last_answers - 10ms);
  CAF_CHECK_EQUAL(s.failure, "");
  s.pass(20ms);
  CAF_CHECK(s.failure.starts_with("audit: "));
}

CAF_TEST(the owner is told once answers that found no room are on their way) {
  watched s;
  auto& admin = s.client(8080);
  const std::string ask = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  admin.say(ask);
  CAF_REQUIRE(s.hears(admin, "\r\n\r\nok"));
  auto size = admin.text.size();
  admin.forget();
  admin.read_nothing();
  auto asked = simulation::stream::window / size + 20;
  for (size_t i = 0; i < asked; ++i)
    admin.say(ask);
  s.pass(1s);
  s.lose("audit");
  s.pass(1s);
  CAF_CHECK_EQUAL(s.failure, "");
  admin.read_nothing(false);
  CAF_REQUIRE(s.until([&] { return !s.failure.empty(); }, 1s));
  s.pass(10ms);
  CAF_CHECK(admin.text.size() > simulation::stream::window);
  CAF_CHECK(admin.text.ends_with("\r\n\r\nok"));
  CAF_CHECK(admin.is_over());
}

CAF_TEST(workers that are lost meanwhile have no more answers to give) {
  watched s;
  s.names.names["example.com"].silent = true;
  s.client(8080).say("GET /explain?url=http://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(1s);
  s.lose("ca");
  s.pass(10ms);
  CAF_CHECK_EQUAL(s.failure, "");
  s.lose("worker 0");
  s.lose("worker 1");
  s.pass(10ms);
  CAF_CHECK(s.failure.starts_with("ca: "));
}

CAF_TEST(two who are lost are both told and it ends by the first) {
  watched s;
  s.lose("ca");
  s.pass(1ms);
  s.lose("worker 1");
  s.pass(2s);
  auto log = s.log_text();
  CAF_CHECK(has(log, "msg=actor_lost actor=\"ca\" "));
  CAF_CHECK(has(log, "msg=actor_lost actor=\"worker 1\" "));
  auto first = log.find("msg=stopped");
  CAF_CHECK(first != std::string::npos && log.find("msg=stopped", first + 1) == std::string::npos);
  CAF_CHECK(s.failure.starts_with("ca: "));
}

CAF_TEST(who asked for a reload is told of the loss) {
  struct row {
    std::string lost, told;
  };
  for (const auto& [lost, told] : std::initializer_list<row>{
         {"worker 0", "worker 0 has ended"},
         {"worker 1", "worker 1 has ended"},
         {"listener_owner", "listeners could not be bound"},
         {"policy_store", "the policy store is lost: the proxy ends"},
       }) {
    size_t refused = 0, made = 0;
    for (uint64_t seed = 1; seed <= 16; ++seed) {
      watched s{seed};
      auto answer = s.begin_reload("allowed_domains = [\"example.com\"]");
      // The loss comes at another step of the change each time.
      for (uint64_t i = 0; i < seed; ++i)
        (void)s.w.step(s.w.time().now() + 1s);
      s.lose(lost);
      (void)s.until([&] { return answer->has_value(); }, 2min);
      CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 1s));
      CAF_CHECK(s.failure.starts_with(lost + ": "));
      if (!answer->has_value())
        continue; // the store had gone before it heard of it
      ++((*answer)->report ? made : refused);
      if (!(*answer)->report) {
        auto why = (*answer)->problems.back().str();
        CAF_CHECK(has(why, told) || has(why, "the proxy ends") || has(why, "shutting down"));
      }
    }
    CAF_MESSAGE(lost << ": refused " << refused << ", made " << made);
    CAF_CHECK(refused > 0);
  }
}

CAF_TEST(a change that waits behind one in which a worker is lost is refused too) {
  watched s;
  auto first = s.begin_reload("");
  auto second = s.ask<reload_outcome>(s.store, atom::reload_v);
  auto third = s.ask<reload_outcome>(s.store, atom::set_mode_v, policy::mode::limited);
  for (int i = 0; i < 3; ++i)
    (void)s.w.step(s.w.time().now());
  s.lose("worker 0");
  for (const auto& each : {first, second, third}) {
    CAF_CHECK(s.until([&] { return each->has_value(); }));
    CAF_CHECK(!(*each)->report);
  }
  CAF_CHECK(has((*third)->problems.back().str(), "a worker is lost: the proxy ends"));
}

CAF_TEST(a loss while the proxy drains is a loss) {
  for (std::string name : {"policy_store", "audit", "worker 0", "worker 1"}) {
    CAF_MESSAGE(name);
    watched s;
    auto& client = s.tunnel("example.com:80");
    auto drained = s.drain();
    s.pass(1s);
    CAF_CHECK(!client.is_over());
    s.lose(name);
    CAF_CHECK(s.is_over(client, 10ms));
    s.pass(10ms);
    CAF_CHECK(s.is_refused(8080));
    CAF_CHECK(s.until([&] { return !s.failure.empty(); }, 1s));
    CAF_CHECK(s.failure.starts_with(name + ": "));
  }
}

CAF_TEST(whoever ends in order is no loss) {
  watched s;
  auto& client = s.tunnel("example.com:80");
  auto in_order = s.ask<bool>(s.watcher, atom::close_v);
  CAF_CHECK(s.until([&] { return in_order->has_value(); }, 1s));
  CAF_CHECK(**in_order);
  s.lose("audit");
  s.pass(2s);
  CAF_CHECK_EQUAL(s.failure, "");
  CAF_CHECK(!client.is_over());
  CAF_CHECK(!has(s.log_text(), "msg=actor_lost"));
}

CAF_TEST(an end in order waits until the owner knows of a loss before it) {
  watched s;
  s.names.names["example.com"].late = 2s;
  s.client(8080).say("GET /explain?url=http://example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  s.pass(1s);
  s.lose("ca");
  s.pass(1ms);
  auto in_order = s.ask<bool>(s.watcher, atom::close_v);
  s.pass(400ms);
  CAF_CHECK(!in_order->has_value());
  CAF_CHECK(s.until([&] { return in_order->has_value(); }, 1s));
  CAF_CHECK(!**in_order);
  CAF_CHECK(s.failure.starts_with("ca: "));
}

CAF_TEST(the admin API still gives the answers under way and then nobody is served) {
  watched s;
  auto& admin = s.client(8080);
  admin.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, "\r\n\r\nok"));
  admin.forget();
  admin.say("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  for (int i = 0; i < 6; ++i) // it has been asked by then
    (void)s.w.step(s.w.time().now());
  s.lose("listener_owner");
  CAF_REQUIRE(s.until([&] { return !s.failure.empty(); }, 1s));
  s.pass(10ms); // as long as the way there takes
  CAF_CHECK(admin.hears("HTTP/1.1 422") || admin.hears("HTTP/1.1 200"));
  CAF_CHECK(s.is_refused(8080));
}
