#define CAF_SUITE actors.serve.core.refusal_leaves
#include "actors/serve/core/refusal_leaves.hpp" // unit under test

#include <filesystem>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

CAF_TEST(a client has so many certificates made in a time) {
  auto now = std::chrono::system_clock::now();
  auto folder =
    std::filesystem::temp_directory_path() / ("refusal-leaves-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  auto by = unbox(tls::authority::load_or_make({folder / "ca.pem", folder / "ca.key"}, now));
  std::filesystem::remove_all(folder);
  refusal_leaves leaves;
  auto ask = [&](int number, const std::string& client = "127.0.0.1") {
    return leaves.may_show(*by, *host::parse("h" + std::to_string(number) + ".example"), client,
                           now);
  };
  auto taken = 0;
  while (ask(taken) && taken < 1000)
    ++taken;
  CAF_CHECK_EQUAL(taken, static_cast<int>(refusal_leaves::burst));
  CAF_CHECK(!ask(taken));
  CAF_CHECK(ask(taken, "192.0.2.1")); // nobody else pays for it
  now += refusal_leaves::pause;
  CAF_CHECK(ask(taken));
  CAF_CHECK(!ask(taken));
  // What is there costs nothing.
  auto name = *host::parse("kept.example");
  leaves.cache.put(name, unbox(tls::mint(by, name, now)));
  CAF_CHECK(leaves.may_show(*by, name, "127.0.0.1", now));
  now -= 1h;
  CAF_CHECK(!ask(taken)); // a clock that is set back brings nothing
  now += 24h;
  taken = 0;
  while (ask(taken) && taken < 1000)
    ++taken;
  CAF_CHECK_EQUAL(taken, static_cast<int>(refusal_leaves::burst));
}
