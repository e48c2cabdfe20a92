#define CAF_SUITE actors.dns.lookup
#include "actors/dns/lookup.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST(canned answers are found by the normalised name) {
  auto canned = unbox(
    canned_answers::parse({"Good.Example.=93.184.216.34,2001:db8::1", "other.example=10.0.0.1"}));
  CAF_CHECK(!canned.empty());
  config::proxy_config config;
  config.dns.search = false;
  auto good = unbox(canned.find("good.example", config)).addresses;
  CAF_REQUIRE_EQUAL(good.size(), 2u);
  CAF_CHECK_EQUAL(good[0].str(), "93.184.216.34");
  CAF_CHECK_EQUAL(good[1].str(), "2001:db8::1");
  CAF_CHECK_EQUAL(unbox(canned.find("other.example", config)).addresses[0].str(), "10.0.0.1");
  CAF_CHECK_EQUAL(error_of(canned.find("third.example", config)), errc::dns_error);
  CAF_CHECK(unbox(canned_answers::parse({})).empty());
}

CAF_TEST(a canned answer is found under a search domain) {
  config::proxy_config config;
  config.dns.local_domain = "one.test two.test";
  auto canned = unbox(canned_answers::parse({"svc.two.test=93.184.216.34", "own=10.0.0.1"}));
  auto found = unbox(canned.find("svc", config));
  CAF_CHECK_EQUAL(found.found_as.text(), "svc.two.test");
  auto own = unbox(canned.find("own", config));
  CAF_CHECK_EQUAL(own.found_as.text(), "");
  CAF_CHECK_EQUAL(error_of(canned.find("svc.", config)), errc::dns_error);
  config.dns.search = false;
  CAF_CHECK_EQUAL(error_of(canned.find("svc", config)), errc::dns_error);
}

CAF_TEST(a canned answer that cannot be read is refused) {
  for (auto text : {"", "a.example", "a.example=", "=10.0.0.1", "a.example=10.0.0.1,",
                    "a.example=10.0.0", "a.example=b.example", "a..b=10.0.0.1"}) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(error_of(canned_answers::parse({text})), errc::malformed);
  }
}

CAF_TEST(a look up goes the way of the proxy and comes to an end) {
  config::proxy_config config;
  config.dns.hosts_file = "/etc/hosts";
  config.dns.servers = {"127.0.0.1:1"}; // nobody answers there
  config.timeouts.dns = std::chrono::milliseconds{300};
  CAF_CHECK_EQUAL(unbox(look_up(config, "127.0.0.1")).addresses.size(), 1u);
  auto failed = look_up(config, "nowhere.example");
  CAF_CHECK(error_of(failed) == errc::dns_error || error_of(failed) == errc::dns_timeout);
}
