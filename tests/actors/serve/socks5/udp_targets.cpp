#define CAF_SUITE actors.serve.socks5.udp_targets
#include "actors/serve/socks5/udp_targets.hpp" // unit under test

#include "tests/actors/granting.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// An address field as a client spells it: a name and a port.
std::string field(const std::string& name, uint8_t port) {
  return std::string{'\x03', static_cast<char>(name.size())} + name + '\0' +
         static_cast<char>(port);
}

ip_sockaddr at(const char* ip, uint16_t port) {
  return make_sockaddr(*ip_address::parse(ip), port);
}

struct fixture {
  /// A target that datagrams go to, at the first of these addresses.
  udp_target& opened(const std::string& name, uint8_t port, std::vector<ip_address> to) {
    auto& t = targets.add(field(name, port), 3);
    t.to.protocol = policy::protocol::socks5_udp;
    t.to.host = unbox(host::parse(name));
    t.to.port = port;
    auto judged = policy::decide(*now.in_force->rules, {.to = t.to});
    t.granted.emplace(std::get<policy::permit>(std::move(judged)), now.in_force);
    auto vetted = policy::vet(*fresh(t), {}, std::move(to));
    t.leads.emplace(std::get<policy::vetted>(std::move(vetted)));
    targets.open(t, *fresh(t));
    return t;
  }

  std::optional<fresh_pass> fresh(const udp_target& t) const {
    return t.granted->look(now.in_force);
  }

  granting now;
  udp_targets targets;
  ip_address first = *ip_address::parse("9.9.9.9"), second = *ip_address::parse("9.9.9.10");
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(udp_targets_tests, fixture)

CAF_TEST(a target is found by its spelling and by where it sends from) {
  auto& t = opened("a.example", 53, {first});
  CAF_CHECK(targets.find(field("a.example", 53)) == &t);
  CAF_CHECK(targets.find(field("a.example", 54)) == nullptr);
  CAF_CHECK(targets.find(field("A.example", 53)) == nullptr);
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == &t);
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == &t); // the remembered one
  CAF_CHECK(targets.from(at("9.9.9.9", 54)) == nullptr);
  CAF_CHECK(targets.from(at("9.9.9.8", 53)) == nullptr);
}

CAF_TEST(the one unused for longest makes room) {
  opened("a.example", 1, {first});
  opened("b.example", 2, {first});
  opened("c.example", 3, {first});
  CAF_REQUIRE(targets.find(field("a.example", 1)));
  opened("d.example", 4, {first});
  CAF_CHECK_EQUAL(targets.size(), 3u);
  CAF_CHECK(targets.find(field("a.example", 1)));
  CAF_CHECK(!targets.find(field("b.example", 2)));
  CAF_CHECK(targets.from(at("9.9.9.9", 2)) == nullptr);
  CAF_CHECK(targets.from(at("9.9.9.9", 1)) != nullptr);
}

CAF_TEST(answers from an address of two names belong to the newer) {
  opened("a.example", 53, {first});
  CAF_REQUIRE(targets.from(at("9.9.9.9", 53)));
  auto& newer = opened("b.example", 53, {first});
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == &newer);
  targets.close(newer, {});
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == nullptr);
}

CAF_TEST(a target that moves on is heard from its new address alone) {
  auto& t = opened("a.example", 53, {first, second});
  CAF_REQUIRE(targets.from(at("9.9.9.9", 53)) == &t);
  targets.move_on(t, 1, *fresh(t));
  CAF_CHECK(t.is == udp_target::state::open);
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == nullptr);
  CAF_CHECK(targets.from(at("9.9.9.10", 53)) == &t);
}

CAF_TEST(a closed target holds no proof and is heard no more) {
  auto& t = opened("a.example", 53, {first});
  targets.close(t, {});
  CAF_CHECK(t.is == udp_target::state::closed);
  CAF_CHECK(!t.granted);
  CAF_CHECK(!t.leads);
  CAF_CHECK(targets.from(at("9.9.9.9", 53)) == nullptr);
  CAF_CHECK(targets.find(field("a.example", 53)) == &t);
}

CAF_TEST_FIXTURE_SCOPE_END()
