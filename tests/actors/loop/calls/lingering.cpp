#define CAF_SUITE actors.loop.calls.lingering
#include "actors/loop/calls/lingering.hpp" // unit under test

#include <cerrno>
#include <vector>

#include "tests/actors/loop/back_ends.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST(what is still owed is sent and then the descriptor is closed) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    stand f{kind};
    auto [mine, peer] = tcp_pair(f.on());
    auto told = 0;
    f.loop.when_none_is_owned([&] { ++told; });
    let_linger(f.loop, mine.release(), "last words");
    CAF_CHECK_EQUAL(f.loop.owned().size(), 1u);
    CAF_CHECK(f.run_until([&] { return f.loop.owned().empty(); }));
    CAF_CHECK_EQUAL(told, 1);
    CAF_CHECK_EQUAL(peer.receive(), "last words");
    CAF_CHECK_EQUAL(peer.read_byte(), 0);
  }
}

CAF_TEST(whoever does not take it in time is cut off however slowly it takes some) {
  stand f{back_end::made_up};
  auto [mine, peer] = tcp_pair(f.on());
  (void)mine.fill();
  f.loop.calls().linger_for(5s);
  let_linger(f.loop, mine.release(), std::string(10'000, 'r'));
  for (int second = 0; second < 4; ++second) {
    char some[100];
    (void)f.network().read(peer.fd, some);
    f.run_for(1s);
    CAF_CHECK_EQUAL(f.loop.owned().size(), 1u);
  }
  f.run_for(2s);
  CAF_CHECK(f.loop.owned().empty());
  auto outcome = 1;
  while (outcome == 1)
    outcome = peer.read_byte();
  CAF_CHECK_EQUAL(outcome, -ECONNRESET); // and not the end: it is not whole
}

CAF_TEST(there are no more than a loop can bear and the oldest goes first) {
  stand f{back_end::made_up};
  std::vector<endpoint_fd> peers;
  constexpr size_t most = 256;
  for (size_t i = 0; i <= most; ++i) {
    auto [mine, peer] = tcp_pair(f.on());
    peers.push_back(std::move(peer));
    let_linger(f.loop, mine.release(), "owed");
  }
  CAF_CHECK_EQUAL(f.loop.owned().size(), most);
  CAF_CHECK(f.run_until([&] { return f.loop.owned().empty(); }));
  CAF_CHECK_EQUAL(peers[0].read_byte(), -ECONNRESET);
  CAF_CHECK_EQUAL(peers[1].receive(), "owed");
  CAF_CHECK_EQUAL(peers[most].receive(), "owed");
}
