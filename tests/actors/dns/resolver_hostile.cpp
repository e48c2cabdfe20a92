#define CAF_SUITE actors.dns.resolver_hostile
#include "actors/dns/resolver.hpp" // unit under test

#include "tests/actors/dns/resolver_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(resolver_hostile_tests, resolver_fixture)

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
