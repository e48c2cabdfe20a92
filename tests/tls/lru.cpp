#define CAF_SUITE tls.lru
#include "tls/lru.hpp" // unit under test

#include "tests/tls/support.hpp"

using namespace proxy::tls;

CAF_TEST(what was used last stays) {
  lru<int> numbers{2};
  numbers["one"] = 1;
  numbers["two"] = 2;
  CAF_CHECK_EQUAL(*numbers.find("one"), 1);
  numbers["three"] = 3;
  CAF_CHECK_EQUAL(numbers.size(), 2u);
  CAF_CHECK(numbers.find("two") == nullptr);
  CAF_CHECK_EQUAL(*numbers.find("one"), 1);
  CAF_CHECK_EQUAL(*numbers.find("three"), 3);
}

CAF_TEST(what is erased or cleared is gone and may come back) {
  lru<int> numbers{2};
  numbers["one"] = 1;
  numbers.erase("one");
  numbers.erase("one");
  CAF_CHECK(numbers.find("one") == nullptr);
  CAF_CHECK_EQUAL(numbers["one"], 0);
  numbers.clear();
  CAF_CHECK_EQUAL(numbers.size(), 0u);
  CAF_CHECK(numbers.find("one") == nullptr);
}
