#define CAF_SUITE actors.dns.resolver
#include "actors/dns/resolver.hpp" // unit under test

#include <unistd.h>

#include <filesystem>
#include <fstream>

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

CAF_TEST(a name that only ends in localhost is asked of the servers) {
  CAF_CHECK_EQUAL(resolve("mylocalhost"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("notlocalhost.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("xlocalhost"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("mylocalhost", type_a), 1u);
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

CAF_TEST(look - ups are bounded) {
  script = [](const dns_question&) -> packets { return {}; };
  settings.timeouts.dns = 5s;
  start();
  std::vector<awaited_answer> all;
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

CAF_TEST(a resolver that ends answers those who wait) {
  script = [](const dns_question&) -> packets { return {}; };
  auto first = ask("one.example");
  auto second = ask("one.example");
  auto third = ask("two.example");
  CAF_CHECK(run_until([this] { return server.asked.size() == 4; }));
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CAF_CHECK(
    run_until([&] { return first->has_value() && second->has_value() && third->has_value(); }));
  for (auto& each : {first, second, third})
    CAF_CHECK_EQUAL(describe(each).substr(0, 9), "cancelled");
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
