#define CAF_SUITE actors.loop.simulation.byte_queue
#include "actors/loop/simulation/sockets/byte_queue.hpp" // unit under test

#include <algorithm>
#include <string>

#include "tests/support/test.hpp"

using proxy::simulation::byte_queue;

CAF_TEST(bytes are taken in the order in which they came) {
  byte_queue queue;
  std::string came, taken;
  for (size_t round = 0; round < 1000; ++round) {
    auto bytes = std::to_string(round);
    queue.append(bytes);
    came += bytes;
    auto some = std::min(queue.size(), round % 7);
    taken += queue.view().substr(0, some);
    queue.remove(some);
    CAF_REQUIRE_EQUAL(queue.size(), came.size() - taken.size());
  }
  taken += queue.view();
  queue.remove(queue.size());
  CAF_CHECK_EQUAL(taken, came);
  CAF_CHECK(queue.empty());
}
