#define CAF_SUITE actors.serve.worker.shard
#include "actors/serve/worker/shard.hpp" // unit under test

#include <array>
#include <functional>

#include "actors/loop/calls/lingering.hpp"
#include "actors/loop/system/open_descriptor.hpp"
#include "actors/net/socket.hpp"
#include "tests/actors/serve/worker/shard_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

std::string get(const std::string& url) {
  auto host = url.substr(7, url.find('/', 7) - 7);
  return "GET " + url + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

constexpr auto health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Makes calls one by one, and notes the policy in force at each write.
struct noting_executor final : call_executor {
  explicit noting_executor(std::function<uint64_t()> of) : in_force(std::move(of)) {}
  void run(std::span<socket_call> calls) noexcept override {
    for (const auto& call : calls)
      if (call.what == socket_call::kind::write)
        noted.push_back(in_force());
    how->run(calls);
  }
  std::unique_ptr<call_executor> how = make_plain_executor(this_machine().network);
  std::function<uint64_t()> in_force;
  std::vector<uint64_t> noted;
};

struct writing_flow final : ready_handler {
  void fire() override { CAF_CHECK(to.write("old").ok()); }
  proxy::socket to;
};

struct fixture : shard_fixture {
  [[nodiscard]] uint64_t generation_in_force() const {
    auto* self = caf::actor_cast<caf::abstract_actor*>(shard);
    return static_cast<shard_pointer>(self)->state.core->policy->generation;
  }
  bool serves_admin(far_end& who) {
    who.text.clear();
    who.send(health);
    return hears(who, "\r\n\r\nok");
  }
  /// A client that the admin API has answered.
  far_end admin_client() {
    auto made = connect(port_of(endpoint::admin));
    CAF_CHECK(serves_admin(made));
    return made;
  }
  /// Lets through the origins given and nothing else.
  static std::string allowing(std::initializer_list<const scripted_origin*> origins) {
    std::string list;
    for (const auto* o : origins)
      list += (list.empty() ? "\"" : ", \"") + o->authority() + '"';
    return "enabled = true\nallow_local_binding = true\nallowed_domains = [" + list + "]\n";
  }

  /// A tunnel through the proxy: its two far ends.
  std::pair<far_end, far_end> tunnel(const scripted_origin& to) {
    auto near = client();
    near.send("CONNECT " + to.authority() + " HTTP/1.1\r\nHost: " + to.authority() + "\r\n\r\n");
    CAF_REQUIRE(hears(near, "200 Connection established\r\n\r\n"));
    return {std::move(near), to.accept()};
  }

  /// Gives a shard a connection that another one has accepted.
  static void hand_over(const shard_actor& to, endpoint_fd& accepted) {
    caf::anon_send(to, atom::adopt_v,
                   std::make_shared<open_descriptor>(this_machine().network, accepted.release()),
                   endpoint::http, *ip_address::parse("192.0.2.7"), uint16_t{4711});
  }

  bool relays(std::pair<far_end, far_end>& tunnel) {
    tunnel.first.send("ping");
    return hears(tunnel.second, "ping");
  }

  scripted_origin one, two;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(shard_tests, fixture)

CAF_TEST(a request is judged by the generation that was installed last) {
  CAF_CHECK_EQUAL(install("enabled = true\n"), 0u);
  auto c = client();
  c.send(get("http://" + one.authority() + '/'));
  CAF_CHECK(hears(c, "403 Blocked by policy: "));
  CAF_CHECK_EQUAL(install(allowing({&one})), 0u);
  c.text.clear();
  c.send(get("http://" + one.authority() + '/'));
  far_end origin;
  CAF_REQUIRE(run_until([&] { return (origin = one.accept()).fd >= 0; }));
  CAF_CHECK(hears(origin, "GET / HTTP/1.1\r\n"));
  origin.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CAF_CHECK(hears(c, "\r\n\r\nok"));
  auto refused = answer<blocked_page>(atom::blocked_v);
  CAF_REQUIRE_EQUAL(refused.entries.size(), 1u);
  CAF_CHECK_EQUAL(refused.total, 1u);
  CAF_CHECK_EQUAL(refused.entries[0]->reason_text(), "not_allowed_local");
}

CAF_TEST(an install is acknowledged once every tunnel has judged itself) {
  (void)install(allowing({&one, &two}));
  auto stays = tunnel(one);
  auto goes = tunnel(two);
  auto goes_too = tunnel(two);
  auto listed = answer<std::vector<connection_info>>(atom::describe_v);
  CAF_CHECK_EQUAL(listed.size(), 3u);
  CAF_CHECK_EQUAL(install(allowing({&one})), 2u);
  // Not a turn of the loop later: they are gone when the answer is here.
  auto left = answer<std::vector<connection_info>>(atom::describe_v);
  CAF_REQUIRE_EQUAL(left.size(), 1u);
  CAF_CHECK_EQUAL(left[0].port, one.port());
  CAF_CHECK_EQUAL(goes.first.ended(), "reset");
  CAF_CHECK_EQUAL(goes.second.ended(), "reset");
  CAF_CHECK_EQUAL(goes_too.first.ended(), "reset");
  CAF_CHECK(relays(stays));
  auto counted = answer<shard_counters>(atom::count_v);
  CAF_CHECK_EQUAL(counted.tunnels_active, 1u);
  auto refused = answer<blocked_page>(atom::blocked_v);
  CAF_CHECK_EQUAL(refused.total, 2u);
  CAF_CHECK_EQUAL(install(allowing({&one})), 0u);
}

CAF_TEST(disabling closes listeners and connections of the proxy but not the admin API) {
  (void)install(allowing({&one}));
  auto open = tunnel(one);
  auto idle = client();
  auto admin = admin_client();
  auto port = port_of(endpoint::http);
  CAF_CHECK_EQUAL(install("enabled = false\n"), 1u);
  CAF_CHECK(ends(open.first, "reset"));
  CAF_CHECK(ends(open.second, "reset"));
  CAF_CHECK(run_until([&] { return !idle.ended().empty(); }));
  CAF_CHECK(run_until([&] { return connect(port).fd < 0; }));
  CAF_CHECK(serves_admin(admin));
  (void)install(allowing({&one}));
  auto again = tunnel(one);
  CAF_CHECK(relays(again));
}

CAF_TEST(a drain is answered when the last connection has left) {
  (void)install(allowing({&one}));
  auto busy = tunnel(one);
  auto idle = client();
  idle.send(get("http://refused.example/"));
  CAF_CHECK(hears(idle, "403 Blocked by policy: "));
  auto admin = admin_client();
  auto port = port_of(endpoint::http);
  auto admin_port = port_of(endpoint::admin);
  bound.clear(); // the shard's share was not the last: a socket closes with its last owner
  auto drained = ask<bool>(shard, atom::drain_v);
  CAF_CHECK(ends(idle, "end"));
  CAF_CHECK(run_until([&] { return connect(port).fd < 0; }));
  CAF_CHECK(!drained->has_value());
  CAF_CHECK(relays(busy));
  busy.first.close();
  busy.second.close();
  CAF_CHECK(run_until([&] { return drained->has_value(); }));
  CAF_CHECK(**drained);
  auto watcher = connect(admin_port);
  watcher.send(health);
  CAF_CHECK(hears(watcher, "\r\n\r\nok"));
}

CAF_TEST(a drain waits for what closed connections still owe) {
  (void)install(allowing({}));
  auto [mine, theirs] = tcp_pair();
  auto full = mine.fill();
  let_linger(loop, mine.release(), "owed");
  settle();
  auto drained = ask<bool>(shard, atom::drain_v);
  settle();
  CAF_CHECK(!drained->has_value());
  size_t got = 0;
  CAF_CHECK(run_until([&] {
    got += theirs.drain();
    return got == full + 4;
  }));
  CAF_CHECK(run_until([&] { return drained->has_value(); }));
  CAF_CHECK(**drained);
}

CAF_TEST(what was written under the policy of before has gone out when the next one is in force) {
  (void)install(allowing({}));
  auto made = std::make_unique<noting_executor>([&] { return generation_in_force(); });
  auto& noted = made->noted;
  loop.calls().use(std::move(made), 0);
  auto [mine, theirs] = tcp_pair();
  writing_flow flow;
  CAF_REQUIRE(flow.to.open(loop, mine.release(), nullptr));
  auto next = compiled(allowing({&one}));
  auto into = std::make_shared<std::optional<uint64_t>>();
  spawn_pinned(loop, asking<uint64_t, atom::install, snapshot_ptr, listener_set>, shard, into,
               atom::install_v, next.next, next.listeners);
  loop.turn(0ms); // the shard has its mail now
  auto before = generation_in_force();
  loop.again(flow);
  loop.turn(0ms); // the flow writes, and then the shard looks at its mail
  CAF_CHECK(generation_in_force() > before);
  CAF_CHECK(noted == std::vector{before});
  CAF_CHECK_EQUAL(theirs.receive(), "old");
  flow.to.close();
}

CAF_TEST(a drain without connections is answered at once) {
  (void)install(allowing({}));
  auto admin = admin_client();
  CAF_CHECK(answer<bool>(atom::drain_v));
}

CAF_TEST(a change that a drain overtook opens no listener again) {
  (void)install(allowing({}));
  auto late = compiled(allowing({&one}) + "mode = \"limited\"\n");
  bound.clear();
  auto port = late.listeners[0]->port;
  auto admin_port = late.listeners[1]->port;
  CAF_CHECK(answer<bool>(atom::drain_v));
  (void)answer<uint64_t>(atom::install_v, late.next, late.listeners);
  late = {};
  CAF_CHECK(run_until([&] { return connect(port).fd < 0; }));
  CAF_CHECK(connect(admin_port).fd >= 0);
}

CAF_TEST(a change that comes after the close opens not even the admin API again) {
  (void)install(allowing({}));
  auto late = compiled(allowing({&one}) + "mode = \"limited\"\n");
  bound.clear();
  auto admin_port = late.listeners[1]->port;
  caf::anon_send(shard, atom::close_v);
  caf::anon_send(shard, atom::drain_v);
  (void)answer<uint64_t>(atom::install_v, late.next, late.listeners);
  late = {};
  CAF_CHECK(run_until([&] { return connect(admin_port).fd < 0; }));
}

CAF_TEST(who comes in the turn after the last word is not served) {
  for (std::string how : {"drain", "close", "abort", "loss"}) {
    CAF_MESSAGE(how);
    auto ends = start(1);
    auto next = compiled(allowing({&one}));
    auto installed = ask<uint64_t>(ends, atom::install_v, next.next, next.listeners);
    CAF_REQUIRE(run_until([&] { return installed->has_value(); }));
    if (how == "drain")
      caf::anon_send(ends, atom::drain_v);
    else if (how == "close")
      caf::anon_send(ends, atom::close_v);
    else if (how == "abort")
      caf::anon_send(ends, atom::abort_v);
    else
      caf::anon_send_exit(ends, caf::exit_reason::kill);
    loop.turn(0ms);
    // The socket is open still, for others; what this shard was told shuts it for this one.
    std::vector<far_end> late;
    for (auto i = 0; i < 8; ++i)
      late.push_back(client());
    settle();
    CAF_CHECK_EQUAL(process->connections[1].load(), 0u);
    caf::anon_send(ends, atom::abort_v);
    ends = nullptr;
    settle();
  }
}

CAF_TEST(a connection that another shard accepted is served) {
  (void)install(allowing({&one}));
  auto [near, handed_over] = tcp_pair();
  far_end c{std::move(near)};
  hand_over(shard, handed_over);
  c.send(get("http://refused.example/"));
  CAF_CHECK(hears(c, "403 Blocked by policy: "));
  auto refused = answer<blocked_page>(atom::blocked_v);
  CAF_REQUIRE_EQUAL(refused.entries.size(), 1u);
  CAF_CHECK_EQUAL(refused.entries[0]->client_text(), "192.0.2.7:4711");
}

CAF_TEST(a connection that is handed over in a drain is closed) {
  (void)install(allowing({}));
  CAF_CHECK(answer<bool>(atom::drain_v));
  auto [near, handed_over] = tcp_pair();
  far_end c{std::move(near)};
  hand_over(shard, handed_over);
  CAF_CHECK(ends(c, "end"));
}

CAF_TEST(a connection that is handed over to a shard that is gone is closed) {
  (void)install(allowing({}));
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  settle();
  auto [near, handed_over] = tcp_pair();
  far_end c{std::move(near)};
  hand_over(shard, handed_over);
  CAF_CHECK(ends(c, "end"));
}

CAF_TEST(a shard with many more connections than another hands new ones over) {
  other = start(1);
  auto peers = std::make_shared<peer_handles>();
  peers->shards = {shard, other};
  caf::anon_send(shard, atom::listen_v, peers_ptr{peers});
  auto first = compiled(allowing({}));
  (void)answer<uint64_t>(atom::install_v, first.next, first.listeners);
  auto installed = ask<uint64_t>(other, atom::install_v, first.next, listener_set{});
  CAF_CHECK(run_until([&] { return installed->has_value(); }));
  std::vector<far_end> clients;
  for (int i = 0; i < 80; ++i) {
    clients.push_back(client());
    settle();
  }
  CAF_CHECK(run_until([&] { return process->total_connections() == clients.size(); }));
  CAF_CHECK_EQUAL(process->connections[0].load() + process->connections[1].load(), 80u);
  CAF_CHECK(process->connections[1].load() > 0);
  CAF_CHECK(process->connections[0].load() > 64);
  clients.back().send(get("http://refused.example/"));
  CAF_CHECK(hears(clients.back(), "403 Blocked by policy: "));
}

CAF_TEST(an abort ends every connection with a reset) {
  (void)install(allowing({&one}));
  auto open = tunnel(one);
  caf::anon_send(shard, atom::abort_v);
  CAF_CHECK(ends(open.first, "reset"));
  CAF_CHECK(ends(open.second, "reset"));
}

CAF_TEST(a shard that dies takes along what it served) {
  (void)install(allowing({&one}));
  auto open = tunnel(one);
  auto idle = client();
  auto admin = admin_client();
  auto port = port_of(endpoint::http);
  bound.clear();
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  CAF_CHECK(ends(open.first, "reset"));
  CAF_CHECK(ends(open.second, "reset"));
  CAF_CHECK(run_until([&] { return !idle.ended().empty() && !admin.ended().empty(); }));
  CAF_CHECK(run_until([&] { return connect(port).fd < 0; }));
}

CAF_TEST(a shard that is closed serves nobody and says so once nobody is left) {
  (void)install(allowing({&one}));
  auto open = tunnel(one);
  auto admin = admin_client();
  auto port = port_of(endpoint::http);
  bound.clear();
  CAF_CHECK(answer<bool>(atom::close_v));
  CAF_CHECK_EQUAL(admin.ended(), "end");
  CAF_CHECK(ends(open.first, "reset"));
  CAF_CHECK(ends(open.second, "reset"));
  CAF_CHECK(run_until([&] { return connect(port).fd < 0; }));
  CAF_CHECK(answer<bool>(atom::close_v)); // it may be told again
}

CAF_TEST(two who close a shard at the same time both hear when nobody is left) {
  (void)install(allowing({&one}));
  auto admin = admin_client();
  std::array<slot<bool>, 2> heard;
  for (auto& each : heard) {
    each = std::make_shared<std::optional<bool>>();
    spawn_pinned(loop, asking<bool, atom::close>, shard, each, atom::close_v);
  }
  CAF_CHECK(run_until([&] { return heard[0]->has_value() && heard[1]->has_value(); }));
  CAF_CHECK_EQUAL(admin.ended(), "end");
}

CAF_TEST(a shard may be told to end before its listeners have run for the first time) {
  auto next = compiled(allowing({&one}));
  auto held = bound.front().use_count();
  // All of it waits in the mailbox, so that the shard is gone when the listeners come to it.
  caf::anon_send(shard, atom::install_v, next.next, next.listeners);
  caf::anon_send(shard, atom::abort_v);
  caf::anon_send(shard, atom::abort_v);
  CAF_CHECK(run_until([&] { return bound.front().use_count() == held; }));
  settle(); // a listener that began after all would be seen by the sanitizers here
  CAF_CHECK_EQUAL(bound.front().use_count(), held);
}

CAF_TEST_FIXTURE_SCOPE_END()
