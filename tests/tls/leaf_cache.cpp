#define CAF_SUITE tls.leaf_cache
#include "tls/leaf_cache.hpp" // unit under test

#include "tests/tls/support.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

struct fixture {
  leaf_ptr add(const std::string& name) {
    auto made = unbox(mint(ca, unbox(host::parse(name)), start));
    cache.put(unbox(host::parse(name)), made);
    return made;
  }
  leaf_ptr find(const std::string& name, std::chrono::hours after = 0h) {
    return cache.find(*ca, unbox(host::parse(name)), start + after);
  }

  time_point start = now();
  authority_ptr ca = unbox(tls::authority::make(start));
  leaf_cache cache{3};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(leaf_cache_tests, fixture)

CAF_TEST(a leaf is found by its host until it is due for renewal) {
  auto made = add("a.example");
  CAF_CHECK_EQUAL(find("a.example"), made);
  CAF_CHECK_EQUAL(find("b.example"), nullptr);
  CAF_CHECK_EQUAL(find("a.example", 22 * 24h), made);
  CAF_CHECK_EQUAL(find("a.example", 23 * 24h), nullptr);
  CAF_CHECK_EQUAL(cache.size(), 0u);
}

CAF_TEST(another leaf takes the place of the one before) {
  add("a.example");
  auto made = add("a.example");
  CAF_CHECK_EQUAL(find("a.example"), made);
  CAF_CHECK_EQUAL(cache.size(), 1u);
}

CAF_TEST(the least recently used leaf is forgotten) {
  for (const auto* name : {"a.example", "b.example", "c.example"})
    add(name);
  CAF_CHECK(find("a.example") != nullptr);
  add("d.example");
  CAF_CHECK_EQUAL(cache.size(), 3u);
  CAF_CHECK(find("a.example") != nullptr);
  CAF_CHECK_EQUAL(find("b.example"), nullptr);
  cache.clear();
  CAF_CHECK_EQUAL(find("a.example"), nullptr);
}

CAF_TEST(a leaf of another CA is not served) {
  add("a.example");
  ca = unbox(tls::authority::make(start));
  CAF_CHECK_EQUAL(find("a.example"), nullptr);
}

CAF_TEST(the same CA loaded again keeps its leaves) {
  temp_folder folder;
  ca_paths paths{folder / "ca.pem", folder / "ca.key"};
  ca = unbox(tls::authority::load_or_make(paths, start));
  auto made = add("a.example");
  ca = unbox(tls::authority::load(paths, start));
  CAF_CHECK_EQUAL(find("a.example"), made);
}

CAF_TEST_FIXTURE_SCOPE_END()
