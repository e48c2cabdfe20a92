#define CAF_SUITE actors.observe.otlp.collector.gzip
#include "actors/observe/otlp/collector/gzip.hpp" // unit under test

#include "tests/actors/observe/otlp/gunzip.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(what is compressed comes out as it was) {
  std::string large;
  for (int i = 0; i < 100'000; ++i)
    large += std::to_string(i * 7919);
  for (const auto& text : {std::string{}, std::string{"x"}, std::string(100'000, 'a'), large}) {
    auto packed = gzip(text);
    CAF_CHECK(packed.starts_with("\x1f\x8b\x08"));
    CAF_CHECK(test::gunzip(packed) == text);
  }
  CAF_CHECK(gzip(std::string(100'000, 'a')).size() < 1'000);
}
