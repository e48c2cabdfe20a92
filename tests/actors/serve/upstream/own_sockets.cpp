#define CAF_SUITE actors.serve.upstream.own_sockets
#include "actors/serve/upstream/own_sockets.hpp" // unit under test

#include <thread>
#include <vector>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

ip_address ip(std::string_view text) { return ip_address::parse(text).value(); }

} // namespace

CAF_TEST(an address is listed as long as its entry lives) {
  own_sockets table{7};
  CAF_CHECK(!table.contains({ip("127.0.0.1"), 80}));
  auto one = table.add({ip("127.0.0.1"), 80});
  auto two = table.add({ip("::1"), 80});
  struct row {
    std::string_view address;
    uint16_t port;
    bool listed;
  };
  for (auto& [address, port, listed] : std::initializer_list<row>{
         {"127.0.0.1", 80, true},
         {"::1", 80, true},
         {"127.0.0.1", 81, false},
         {"127.0.0.2", 80, false},
         {"::", 80, false},
         {"::1", 81, false},
       })
    CAF_CHECK_EQUAL(table.contains({ip(address), port}), listed);
  one = {};
  CAF_CHECK(!table.contains({ip("127.0.0.1"), 80}));
  CAF_CHECK(table.contains({ip("::1"), 80}));
}

CAF_TEST(an address that several sockets have is listed until the last has gone) {
  own_sockets table{7};
  auto one = table.add({ip("10.0.0.1"), 1});
  auto two = table.add({ip("10.0.0.1"), 1});
  auto moved = std::move(one);
  moved = own_sockets::entry{};
  CAF_CHECK(table.contains({ip("10.0.0.1"), 1}));
  two = own_sockets::entry{};
  CAF_CHECK(!table.contains({ip("10.0.0.1"), 1}));
}

CAF_TEST(of a loopback address both ends count and of any other its own) {
  own_sockets table{7};
  auto here = table.add(ends_of(ip("127.0.0.1"), 4000, ip("127.0.0.1"), 80));
  auto away = table.add(ends_of(ip("192.0.2.1"), 4000, ip("192.0.2.9"), 80));
  struct row {
    std::string_view from, to;
    uint16_t to_port;
    bool listed;
  };
  for (auto& [from, to, to_port, listed] : std::initializer_list<row>{
         {"127.0.0.1", "127.0.0.1", 80, true},
         {"127.0.0.1", "127.0.0.1", 81, false},
         {"127.0.0.1", "127.0.0.2", 80, false},
         {"127.0.0.2", "127.0.0.1", 80, false},
         {"192.0.2.1", "192.0.2.9", 80, true},
         {"192.0.2.1", "192.0.2.1", 3128, true},
         {"192.0.2.2", "192.0.2.9", 80, false},
       }) {
    CAF_MESSAGE(from << " to " << to << ':' << to_port);
    CAF_CHECK_EQUAL(table.contains(ends_of(ip(from), 4000, ip(to), to_port)), listed);
  }
}

CAF_TEST(many are listed together) {
  own_sockets table{7};
  std::vector<own_sockets::entry> kept;
  for (uint16_t port = 1; port <= 10'000; ++port)
    kept.push_back(table.add({ip("192.0.2.1"), port}));
  uint16_t missing = 0;
  for (uint16_t port = 1; port <= 10'000; ++port)
    missing += !table.contains({ip("192.0.2.1"), port});
  CAF_CHECK_LESS_OR_EQUAL(missing, 2);
  CAF_CHECK(!table.contains({ip("192.0.2.1"), 10'001}));
}

CAF_TEST(one that no bucket has room for is left out and takes nothing along) {
  own_sockets table{7};
  std::vector<own_sockets::entry> same;
  for (int i = 0; i < 20; ++i)
    same.push_back(table.add({ip("10.0.0.1"), 1}));
  CAF_CHECK(table.contains({ip("10.0.0.1"), 1}));
  same.clear();
  CAF_CHECK(!table.contains({ip("10.0.0.1"), 1}));
  auto again = table.add({ip("10.0.0.1"), 1});
  CAF_CHECK(table.contains({ip("10.0.0.1"), 1}));
}

CAF_TEST(threads add and remove at once) {
  own_sockets table{7};
  std::vector<std::thread> threads;
  std::atomic<int> lost{0};
  for (uint16_t n = 0; n < 4; ++n)
    threads.emplace_back([&, n] {
      for (uint16_t i = 0; i < 2000; ++i) {
        auto port = static_cast<uint16_t>(n * 10 + i % 10);
        auto held = table.add({ip("10.0.0.1"), port});
        lost += !table.contains({ip("10.0.0.1"), port});
      }
    });
  for (auto& t : threads)
    t.join();
  CAF_CHECK_EQUAL(lost.load(), 0);
  for (uint16_t port = 0; port < 40; ++port)
    CAF_CHECK(!table.contains({ip("10.0.0.1"), port}));
}
