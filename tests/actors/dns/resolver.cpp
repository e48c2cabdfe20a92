#define CAF_SUITE actors.dns.resolver
#include "actors/dns/resolver.hpp" // unit under test

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "actors/dns/channel.hpp"
#include "actors/dns/engine.hpp"
#include "tests/actors/dns/resolver_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(resolver_tests, resolver_fixture)

CAF_TEST(addresses of both families come with v6 first) {
  script = [](const dns_question& q) -> packets {
    if (q.type == type_a)
      return {dns::reply(q, 0, {dns::address("192.0.2.1", 60), dns::address("192.0.2.2", 60)})};
    return {dns::reply(q, 0, {dns::address("2001:db8::1", 60)})};
  };
  CAF_CHECK_EQUAL(resolve("one.example"), "2001:db8::1 192.0.2.1 192.0.2.2");
  CAF_CHECK_EQUAL(server.count("one.example", type_a), 1u);
  CAF_CHECK_EQUAL(server.count("one.example", type_aaaa), 1u);
}

CAF_TEST(an alias is followed) {
  script = [](const dns_question& q) -> packets {
    auto target = dns::encode_name("real.example");
    return {dns::reply(
      q, 0,
      {dns::record("\xc0\x0c", type_cname, 60, target), dns::address("192.0.2.7", 60, target)})};
  };
  CAF_CHECK_EQUAL(resolve("alias.example"), "192.0.2.7");
}

CAF_TEST(a name of one label is asked for as it stands) {
  CAF_CHECK_EQUAL(resolve("printer"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("printer"), 1u);
  CAF_CHECK_EQUAL(server.asked.size(), 2u); // no search domain, no third question
}

CAF_TEST(an answer is kept for its time to live) {
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
  CAF_CHECK_EQUAL(server.count("one.example"), 1u);
}

CAF_TEST(an answer is not kept beyond the longest time that is allowed) {
  settings.dns.max_ttl = 60ms;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
  run_for(80ms);
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
}

CAF_TEST(an answer with no time to live is not kept nor is one behind such an alias) {
  script = [](const dns_question& q) -> packets {
    if (q.name == "brief.example")
      return {dns::reply(q, 0, {dns::address("192.0.2.1", 0)})};
    if (q.name == "negative.example") // its highest bit set: counts as none
      return {dns::reply(q, 0, {dns::address("192.0.2.1", 0xffffffff)})};
    auto target = dns::encode_name("real.example");
    return {dns::reply(
      q, 0,
      {dns::record("\xc0\x0c", type_cname, 0, target), dns::address("192.0.2.1", 60, target)})};
  };
  for (const std::string name : {"brief.example", "negative.example", "alias.example"}) {
    CAF_CHECK_EQUAL(resolve(name), "192.0.2.1");
    CAF_CHECK_EQUAL(resolve(name), "192.0.2.1");
    CAF_CHECK_EQUAL(server.count(name), 2u);
  }
}

CAF_TEST(a name that does not exist or has no address is an error that is kept for a while) {
  settings.dns.negative_ttl = 100ms;
  start();
  script = [](const dns_question& q) -> packets {
    return {dns::reply(q, q.name == "missing.example" ? dns::no_such_name : 0u)};
  };
  for (const std::string name : {"missing.example", "empty.example"}) {
    auto cause = "dns_error: " + name +
                 (name == "missing.example" ? ": no such name (NXDOMAIN)"
                                            : ": the name has no address (NODATA)");
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(server.count(name), 1u);
    run_for(120ms);
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(server.count(name), 2u);
  }
}

CAF_TEST(a server that fails is an error that is not kept) {
  script = [](const dns_question& q) -> packets {
    return {dns::reply(q, q.name == "broken.example" ? dns::server_failure : dns::refused)};
  };
  for (const std::string name : {"broken.example", "refused.example"}) {
    auto cause = "dns_error: " + name +
                 (name == "broken.example" ? ": the name server failed (SERVFAIL)"
                                           : ": the name server refused to answer (REFUSED)");
    CAF_CHECK_EQUAL(resolve(name), cause);
    auto before = server.count(name);
    CAF_CHECK(before > 0);
    CAF_CHECK_EQUAL(resolve(name).substr(0, 9), "dns_error");
    CAF_CHECK(server.count(name) > before);
  }
}

CAF_TEST(a cache that is off keeps nothing) {
  settings.dns.cache_size = 0;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
}

CAF_TEST(questions for one name join) {
  auto first = ask("one.example");
  auto second = ask("one.example");
  auto other = ask("two.example");
  CAF_CHECK(
    run_until([&] { return first->has_value() && second->has_value() && other->has_value(); }));
  CAF_CHECK_EQUAL(describe(first), "192.0.2.1");
  CAF_CHECK_EQUAL(describe(second), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 1u);
  CAF_CHECK_EQUAL(server.count("two.example"), 1u);
}

CAF_TEST(a server that is silent is a timeout that is remembered for a moment) {
  settings.timeouts.dns = 100ms;
  start();
  script = [](const dns_question&) -> packets { return {}; };
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(
    resolve("one.example"),
    "dns_timeout: one.example: no name server answered in time (timeouts.dns = 100ms)");
  auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK(took >= 50ms && took < 1s);
  auto before = server.asked.size();
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 11), "dns_timeout");
  CAF_CHECK_EQUAL(server.asked.size(), before);
}

CAF_TEST(a question that is lost is asked again) {
  script = [this](const dns_question& q) -> packets {
    if (server.count(q.name, q.type) == 1)
      return {};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  settings.timeouts.dns = 500ms;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
}

CAF_TEST(an answer that comes too late serves the next question) {
  settings.timeouts.dns = 30ms; // a server is waited for at least 20 ms, then 40, then 80
  start();
  script = [this](const dns_question& q) -> packets {
    if (server.count(q.name, q.type) < 3)
      return {};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 11), "dns_timeout");
  CAF_CHECK(run_until([this] { return server.count("one.example") == 3; }, 2s));
  run_for(50ms);
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
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
  CAF_CHECK(took >= dns_channel::grace && took < 1s);
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
  std::vector<pending> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(ask("n" + std::to_string(i) + ".example"));
  CAF_CHECK(run_until(
    [&] { return std::all_of(all.begin(), all.end(), [](auto& p) { return p->has_value(); }); }));
  for (auto& each : all)
    CAF_CHECK_EQUAL(describe(each), "192.0.2.1");
}

CAF_TEST(nobody is asked for literals and localhost) {
  struct row {
    std::string name, answer;
  };
  for (auto& [name, answer] : std::initializer_list<row>{
         {"192.0.2.9", "192.0.2.9"},
         {"2001:db8::9", "2001:db8::9"},
         {"localhost", "127.0.0.1 ::1"},
         {"app.localhost", "127.0.0.1 ::1"},
       })
    CAF_CHECK_EQUAL(resolve(name), answer);
  CAF_CHECK(server.asked.empty());
}

CAF_TEST(what is no name is refused unasked) {
  for (const std::string& name :
       {std::string{}, std::string{"a..b"}, std::string(64, 'a') + ".example",
        std::string{"evil\0.example", 13}, std::string{"a b"}, std::string(300, 'a')}) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(resolve(name).substr(0, 9), "dns_error");
  }
  CAF_CHECK(server.asked.empty());
}

CAF_TEST(the hosts file comes before the servers) {
  auto name = "resolver_test_hosts." + std::to_string(::getpid());
  settings.dns.hosts_file = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream{settings.dns.hosts_file} << "192.0.2.77 One.Example\n2001:db8::77 one.example\n";
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.77 2001:db8::77");
  CAF_CHECK_EQUAL(resolve("two.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 0u);
  ::unlink(settings.dns.hosts_file.c_str());
}

CAF_TEST(new settings empty the cache) {
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  configure();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
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

CAF_TEST(a name that only ends in localhost is asked of the servers) {
  CAF_CHECK_EQUAL(resolve("mylocalhost"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("notlocalhost.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("xlocalhost"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("mylocalhost", type_a), 1u);
}

CAF_TEST(where no server is the answer says so) {
  settings.dns.servers = {"127.0.0.1:1"};
  settings.timeouts.dns = 5s;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"),
                  "dns_error: one.example: no name server can be reached: 127.0.0.1:1");
}

CAF_TEST(a resolver that ends answers those who wait) {
  script = [](const dns_question&) -> packets { return {}; };
  auto first = ask("one.example");
  auto second = ask("one.example");
  auto third = ask("two.example");
  CAF_CHECK(run_until([this] { return server.asked.size() == 4; }));
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CAF_CHECK(
    run_until([&] { return first->has_value() && second->has_value() && third->has_value(); }, 1s));
  for (auto& each : {first, second, third})
    CAF_CHECK_EQUAL(describe(each).substr(0, 9), "cancelled");
}

CAF_TEST(look - ups are bounded) {
  script = [](const dns_question&) -> packets { return {}; };
  settings.timeouts.dns = 5s;
  start();
  std::vector<pending> all;
  for (size_t i = 0; i <= dns_engine::max_lookups; ++i)
    all.push_back(ask("n" + std::to_string(i) + ".example"));
  CAF_CHECK(run_until([&] { return all.back()->has_value(); }));
  CAF_CHECK_EQUAL(describe(all.back()), "dns_error: n" + std::to_string(dns_engine::max_lookups) +
                                          ".example: too many look-ups at once");
  auto joined = ask("n0.example"); // one that is under way may be joined still
  run_for(20ms);
  CAF_CHECK(!joined->has_value());
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CAF_CHECK(run_until([&] { return joined->has_value() && all.front()->has_value(); }));
}

CAF_TEST(nothing a server sends does harm) {
  auto pointer_loop = [](const dns_question& q) {
    return dns::reply(q, 0) + dns::record("\xc0\x1d", type_a, 60, "\1\2\3\4");
  };
  auto self_alias = [](const dns_question& q) {
    return dns::reply(q, 0, {dns::record("\xc0\x0c", type_cname, 60, "\xc0\x0c")});
  };
  auto alias_ring = [](const dns_question& q) {
    auto a = dns::encode_name("a.example");
    auto b = dns::encode_name("b.example");
    std::vector<std::string> ring{dns::record("\xc0\x0c", type_cname, 60, a)};
    for (int i = 0; i < 10; ++i) {
      ring.push_back(dns::record(a, type_cname, 60, b));
      ring.push_back(dns::record(b, type_cname, 60, a));
    }
    return dns::reply(q, 0, ring);
  };
  auto count_lies = [](const dns_question& q) {
    auto packet = dns::reply(q, 0, {dns::address("192.0.2.1", 60)});
    return packet.replace(6, 2, "\xff\xff");
  };
  auto length_lies = [](const dns_question& q) {
    auto packet = dns::reply(q, 0, {dns::address("192.0.2.1", 60)});
    return packet.replace(packet.size() - 6, 2, "\xff\xff");
  };
  auto short_address = [](const dns_question& q) {
    return dns::reply(q, 0, {dns::record("\xc0\x0c", q.type, 60, "\1\2")});
  };
  using maker = std::function<std::string(const dns_question&)>;
  const maker bad[] = {
    [](const dns_question&) { return std::string{}; },
    [](const dns_question&) { return std::string{"x"}; },
    [](const dns_question& q) { return q.packet.substr(0, 2); },
    [](const dns_question& q) { return q.packet; }, // a question for an answer
    [](const dns_question& q) { return q.packet.substr(0, 2) + std::string(2000, '\xff'); },
    [](const dns_question& q) { return q.packet.substr(0, 2) + std::string(4000, '\0'); },
    [](const dns_question& q) { return dns::reply(q, dns::format_error); },
    pointer_loop,
    self_alias,
    alias_ring,
    count_lies,
    length_lies,
    short_address,
  };
  settings.timeouts.dns = 60ms;
  start();
  int number = 0;
  for (const auto& make : bad) {
    script = [&](const dns_question& q) -> packets { return {make(q)}; };
    auto name = "bad" + std::to_string(++number) + ".example";
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(resolve(name).substr(0, 4), "dns_");
  }
  // Every prefix of a good answer, and then every byte of it turned over.
  for (size_t cut = 0; cut < 120; ++cut) {
    script = [&](const dns_question& q) -> packets {
      auto good = dns::reply(q, 0, {dns::address("192.0.2.1", 60)});
      auto flipped = good;
      if (cut < good.size())
        flipped[cut] = static_cast<char>(~flipped[cut]);
      return {good.substr(0, cut), flipped, good};
    };
    auto answer = resolve("cut" + std::to_string(cut) + ".example");
    CAF_CHECK(answer.substr(0, 4) == "dns_" || !answer.empty());
  }
  script = good_script;
  settings.timeouts.dns = 2s;
  configure();
  CAF_CHECK_EQUAL(resolve("good.example"), "192.0.2.1");
}

CAF_TEST(an answer with a wrong number or for another name is not believed) {
  script = [](const dns_question& q) -> packets {
    auto right = dns::reply(q, 0, {dns::address("192.0.2.1", 60)});
    auto number = right;
    number[0] = static_cast<char>(~number[0]);
    number.replace(number.size() - 4, 4, "\xc6\x33\x64\x01");
    auto other = dns_question::parse(q.packet, false);
    other.packet[13] = 'x'; // the first letter of the name
    auto name = dns::reply(other, 0, {dns::address("198.51.100.2", 60)});
    return {number, name, right};
  };
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
}

CAF_TEST(a flood of answers leaves others their turn) {
  script = [](const dns_question& q) -> packets {
    auto wrong = dns::reply(q, 0, {dns::address("192.0.2.9", 60)});
    wrong[0] = static_cast<char>(~wrong[0]);
    packets flood(80, wrong);
    flood.push_back(dns::reply(q, 0, {dns::address("192.0.2.1", 60)}));
    return flood;
  };
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(the portable poller serves name servers as well) {
  resolver_fixture f{make_poll_poller()};
  f.script = [](const dns_question& q) -> packets {
    if (!q.tcp && q.name == "large.example")
      return {dns::reply(q, dns::truncated)};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  CAF_CHECK_EQUAL(f.resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(f.resolve("large.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(f.resolve("large.example"), "192.0.2.1 (cached)");
}
