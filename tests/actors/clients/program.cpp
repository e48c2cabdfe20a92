#define CAF_SUITE actors.clients.program
#include "actors/clients/program.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(a program that is only asked is heard of in time or not at all) {
  using namespace std::chrono_literals;
  CAF_CHECK_EQUAL(
    run_quietly({"sh", "-c", "echo loud; echo louder >&2; exit 3"}, {"PATH=/bin"}, 60s), 3);
  CAF_CHECK_EQUAL(run_quietly({"true"}, {}, 60s), 0);
  CAF_CHECK_EQUAL(run_quietly({"/nowhere/program"}, {}, 60s), -1);
  CAF_CHECK_EQUAL(run_quietly({"sleep", "600"}, {}, 20ms), -1);
  std::string told;
  CAF_CHECK_EQUAL(
    run_quietly({"sh", "-c", "printf 'a\\0b'; echo no >&2"}, {"PATH=/bin"}, 60s, &told), 0);
  CAF_CHECK_EQUAL(told, (std::string{"a\0b", 3}));
  told.clear();
  CAF_CHECK_EQUAL(
    run_quietly({"head", "-c", "1000000", "/dev/zero"}, {"PATH=/bin:/usr/bin"}, 60s, &told), 0);
  CAF_CHECK_EQUAL(told.size(), 65536u);
}
