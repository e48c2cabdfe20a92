#define CAF_SUITE actors.dns.cache
#include "actors/dns/cache.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

constexpr steady_time start{1h};

dns_result address(std::string_view text) { return dns_answer{{*ip_address::parse(text)}}; }

std::string known(dns_cache& cache, const std::string& name, steady_time now = start) {
  auto* found = cache.find(name, now);
  if (!found)
    return "unknown";
  return *found ? (**found).addresses.at(0).str() : to_string(code_of(found->error()));
}

} // namespace

CAF_TEST(a result is known until its moment) {
  dns_cache cache{10};
  cache.put("one", address("192.0.2.1"), start + 5s);
  CAF_CHECK_EQUAL(known(cache, "one"), "192.0.2.1");
  CAF_CHECK_EQUAL(known(cache, "one", start + 4999ms), "192.0.2.1");
  CAF_CHECK_EQUAL(known(cache, "one", start + 5s), "unknown");
  CAF_CHECK_EQUAL(cache.size(), 0u); // gone, not only hidden
  CAF_CHECK_EQUAL(known(cache, "two"), "unknown");
}

CAF_TEST(a failure is known as well) {
  dns_cache cache{10};
  cache.put("none", caf::make_error(errc::dns_error, std::string{"none"}), start + 5s);
  CAF_CHECK_EQUAL(known(cache, "none"), "dns_error");
}

CAF_TEST(the newest result counts) {
  dns_cache cache{10};
  cache.put("one", address("192.0.2.1"), start + 5s);
  cache.put("one", address("192.0.2.2"), start + 1s);
  CAF_CHECK_EQUAL(known(cache, "one"), "192.0.2.2");
  CAF_CHECK_EQUAL(cache.size(), 1u);
  CAF_CHECK_EQUAL(known(cache, "one", start + 2s), "unknown");
}

CAF_TEST(the name that was not used for longest makes room) {
  dns_cache cache{3};
  for (auto* name : {"a", "b", "c"})
    cache.put(name, address("192.0.2.1"), start + 5s);
  CAF_CHECK_EQUAL(known(cache, "a"), "192.0.2.1");
  cache.put("d", address("192.0.2.4"), start + 5s);
  CAF_CHECK_EQUAL(cache.size(), 3u);
  CAF_CHECK_EQUAL(known(cache, "b"), "unknown");
  CAF_CHECK_EQUAL(known(cache, "a"), "192.0.2.1");
  CAF_CHECK_EQUAL(known(cache, "d"), "192.0.2.4");
}

CAF_TEST(a name that is known already takes no room of another) {
  dns_cache cache{2};
  cache.put("a", address("192.0.2.1"), start + 5s);
  cache.put("b", address("192.0.2.2"), start + 5s);
  cache.put("b", address("192.0.2.3"), start + 5s);
  CAF_CHECK_EQUAL(known(cache, "a"), "192.0.2.1");
}

CAF_TEST(a cache of no size keeps nothing) {
  dns_cache cache{0};
  cache.put("one", address("192.0.2.1"), start + 5s);
  CAF_CHECK_EQUAL(cache.size(), 0u);
  CAF_CHECK_EQUAL(known(cache, "one"), "unknown");
}

CAF_TEST(a cache that moves keeps what it knows) {
  dns_cache cache{2};
  cache.put("a", address("192.0.2.1"), start + 5s);
  dns_cache other{0};
  other = std::move(cache);
  other.put("b", address("192.0.2.2"), start + 5s);
  CAF_CHECK_EQUAL(known(other, "a"), "192.0.2.1");
  CAF_CHECK_EQUAL(known(other, "b"), "192.0.2.2");
}
