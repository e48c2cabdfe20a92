#define CAF_SUITE actors.dns.resolver_cache
#include "actors/dns/resolver.hpp" // unit under test

#include "tests/actors/dns/resolver_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(resolver_cache_tests, resolver_fixture)

CAF_TEST(an answer is kept for its time to live) {
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
  CAF_CHECK_EQUAL(server.count("one.example"), 1u);
}

CAF_TEST(an answer is not kept beyond the longest time that is allowed) {
  settings.dns.max_ttl = 1s;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
  run_for(1100ms);
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
}

CAF_TEST(an answer with no time to live is not kept nor is one behind such an alias) {
  script = [](const dns_question& q) -> packets {
    if (q.name == "brief.example")
      return {dns::reply(q, 0, {dns::address("192.0.2.1", 0)})};
    if (q.name == "negative.example") // its highest bit set: counts as none
      return {dns::reply(q, 0, {dns::address("192.0.2.1", 0xffffffff)})};
    auto target = dns::encode_name("real.example");
    return {dns::reply(
      q, 0,
      {dns::record("\xc0\x0c", type_cname, 0, target), dns::address("192.0.2.1", 60, target)})};
  };
  for (const std::string name : {"brief.example", "negative.example", "alias.example"}) {
    CAF_CHECK_EQUAL(resolve(name), "192.0.2.1");
    CAF_CHECK_EQUAL(resolve(name), "192.0.2.1");
    CAF_CHECK_EQUAL(server.count(name), 2u);
  }
}

CAF_TEST(a name that does not exist or has no address is an error that is kept for a while) {
  settings.dns.negative_ttl = 1s;
  start();
  script = [](const dns_question& q) -> packets {
    return {dns::reply(q, q.name == "missing.example" ? dns::no_such_name : 0u)};
  };
  for (const std::string name : {"missing.example", "empty.example"}) {
    auto cause = "dns_error: " + name +
                 (name == "missing.example" ? ": no such name (NXDOMAIN)"
                                            : ": the name has no address (NODATA)");
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(server.count(name), 1u);
    run_for(1100ms);
    CAF_CHECK_EQUAL(resolve(name), cause);
    CAF_CHECK_EQUAL(server.count(name), 2u);
  }
}

CAF_TEST(a server that fails is an error that is not kept) {
  script = [](const dns_question& q) -> packets {
    return {dns::reply(q, q.name == "broken.example" ? dns::server_failure : dns::refused)};
  };
  for (const std::string name : {"broken.example", "refused.example"}) {
    auto cause = "dns_error: " + name +
                 (name == "broken.example" ? ": the name server failed (SERVFAIL)"
                                           : ": the name server refused to answer (REFUSED)");
    CAF_CHECK_EQUAL(resolve(name), cause);
    auto before = server.count(name);
    CAF_CHECK(before > 0);
    CAF_CHECK_EQUAL(resolve(name).substr(0, 9), "dns_error");
    CAF_CHECK(server.count(name) > before);
  }
}

CAF_TEST(a cache that is off keeps nothing) {
  settings.dns.cache_size = 0;
  start();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
}

CAF_TEST(new settings empty the cache) {
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  configure();
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1");
  CAF_CHECK_EQUAL(server.count("one.example"), 2u);
}

CAF_TEST(a server that is silent is a timeout that is remembered for a moment) {
  settings.timeouts.dns = 100ms;
  start();
  script = [](const dns_question&) -> packets { return {}; };
  auto begin = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(
    resolve("one.example"),
    "dns_timeout: one.example: no name server answered in time (timeouts.dns = 100ms)");
  auto took = std::chrono::steady_clock::now() - begin;
  CAF_CHECK(took >= 50ms && took < 4s); // the default is 5 s
  auto before = server.asked.size();
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 11), "dns_timeout");
  CAF_CHECK_EQUAL(server.asked.size(), before);
}

CAF_TEST(an answer that comes too late serves the next question) {
  settings.timeouts.dns = 30ms; // a server is waited for at least 20 ms, then 40, then 80
  start();
  script = [this](const dns_question& q) -> packets {
    if (server.count(q.name, q.type) < 3)
      return {};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  };
  CAF_CHECK_EQUAL(resolve("one.example").substr(0, 11), "dns_timeout");
  CAF_CHECK(run_until([this] { return server.count("one.example") == 3; }));
  run_for(50ms);
  CAF_CHECK_EQUAL(resolve("one.example"), "192.0.2.1 (cached)");
}

CAF_TEST_FIXTURE_SCOPE_END()
