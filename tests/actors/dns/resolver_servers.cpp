#define CAF_SUITE actors.dns.resolver_servers
#include "actors/dns/resolver.hpp" // unit under test

#include <algorithm>

#include "actors/dns/channel.hpp"
#include "tests/actors/dns/resolver_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(resolver_servers_tests, resolver_fixture)

CAF_TEST(a question that is lost is asked again) {
  script = [this](const dns_question& q) -> packets {
    if (server.count(q.name, q.type) == 1)
      return {};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  settings.timeouts.dns = 5s;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
}

CAF_TEST(a server that is down is passed over) {
  auto closed = tcp_listener(); // its port has no UDP socket
  sockaddr_in where{};
  socklen_t size = sizeof where;
  ::getsockname(closed.fd, reinterpret_cast<sockaddr*>(&where), &size);
  auto dead = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
  settings.dns.servers = {dead, server.address()};
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  settings.dns.servers = {dead};
  start();
  settings.timeouts.dns = 300ms;
  configure();
  CAF_CHECK_EQUAL(resolve("two.example").substr(0, 4), "dns_");
}

CAF_TEST(look - ups under way go on with the new servers) {
  script = [](const dns_question&) -> packets { return {}; };
  auto first = ask("one.example");
  auto second = ask("two.example");
  CAF_CHECK(run_until([this] { return server.asked.size() == 4; }));
  scripted_name_server other{loop, [](const dns_question& q) -> packets {
                               return {dns::reply(q, 0, {dns::address("192.0.2.200", 60)})};
                             }};
  settings.dns.servers = {other.address()};
  configure();
  CAF_CHECK(run_until([&] { return first->has_value() && second->has_value(); }));
  CAF_CHECK_EQUAL(describe(first), "192.0.2.200");
  CAF_CHECK_EQUAL(describe(second), "192.0.2.200");
  actor = nullptr;
}

CAF_TEST(servers that are none are an error and nobody else is asked) {
  for (const std::string bad : {"name.example", "192.0.2.1:99999", "192.0.2.1,192.0.2.2", ""}) {
    settings.dns.servers = {server.address(), bad};
    start();
    CAF_CHECK_EQUAL(resolve("one.example"),
                    "dns_error: one.example: name server \"" + bad + "\" is not an address");
  }
  CAF_CHECK(server.asked.empty());
}

CAF_TEST(servers are written in three ways) {
  for (const std::string each : {"127.0.0.1", "127.0.0.1:53", "::1", "[::1]:5353", "[::1]"}) {
    settings.dns.servers = {each, server.address()};
    settings.timeouts.dns = 600ms;
    start();
    CAF_MESSAGE(each);
    CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  }
}

CAF_TEST(without servers of its own the system answers or fails in time) {
  settings.dns.servers.clear();
  settings.timeouts.dns = 200ms;
  start();
  auto answer = resolve("name.invalid"); // never exists (RFC 6761 §6.4)
  CAF_CHECK_EQUAL(answer.substr(0, 4), "dns_");
}

CAF_TEST(where no server is the answer says so) {
  settings.dns.servers = {"127.0.0.1:1"};
  settings.timeouts.dns = 5s;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"),
                  "dns_error: one.example: no name server can be reached: 127.0.0.1:1");
}

CAF_TEST(one family that stays silent does not hold up the other for ever) {
  script = [](const dns_question& q) -> packets {
    if (q.type == type_aaaa)
      return {};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK(took >= dns_channel::grace && took < 4s);
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
}

CAF_TEST(one family that fails does not spoil the other) {
  script = [](const dns_question& q) -> packets {
    if (q.type == type_a)
      return {dns::reply(q, q.name == "nx.example" ? dns::no_such_name : dns::server_failure)};
    return {dns::reply(q, 0, {dns::address("2001:db8::1", 60)})};
  };
  CAF_CHECK_EQUAL(resolve("one.example"), "2001:db8::1");
  CAF_CHECK_EQUAL(resolve("nx.example"), "2001:db8::1");
}

CAF_TEST(no address in one family and a failure in the other is a failure and not kept) {
  script = [](const dns_question& q) -> packets {
    return {dns::reply(q, q.type == type_a ? 0u : dns::server_failure)};
  };
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 9), "dns_error");
  auto before = server.count("one.example");
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 9), "dns_error");
  CAF_CHECK(server.count("one.example") > before);
}

CAF_TEST(a truncated answer is asked for again over TCP and bounded) {
  std::vector<std::string> many;
  for (int i = 0; i < 2000; ++i)
    many.push_back(
      dns::address("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), 60));
  script = [&](const dns_question& q) -> packets {
    if (!q.tcp)
      return {dns::reply(q, dns::truncated)};
    return {
      dns::reply(q, 0, q.type == type_a ? many : std::vector{dns::address("2001:db8::1", 60)})};
  };
  auto answer = answer_of("many.example");
  CAF_REQUIRE(answer);
  CAF_CHECK_EQUAL(answer->addresses.size(), 1 + dns_channel::max_addresses_per_family);
  CAF_CHECK_EQUAL(answer->addresses.at(0).str(), "2001:db8::1");
  CAF_CHECK_EQUAL(answer->addresses.at(1).str(), "10.1.0.0");
}

CAF_TEST(many truncated answers at once all arrive) {
  script = [](const dns_question& q) -> packets {
    if (!q.tcp)
      return {dns::reply(q, dns::truncated)};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  std::vector<awaited_answer> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(ask("n" + std::to_string(i) + ".example"));
  CAF_CHECK(run_until(
    [&] { return std::all_of(all.begin(), all.end(), [](auto& p) { return p->has_value(); }); }));
  for (auto& each : all)
    CAF_CHECK_EQUAL(describe(each), "192.0.2.1");
}

CAF_TEST_FIXTURE_SCOPE_END()
