#define CAF_SUITE actors.dns.resolver_search
#include "actors/dns/resolver.hpp" // unit under test

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/actors/dns/resolver_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Gives an address to these names alone; `broken…` fails, `refused…` is refused, `empty…` has
/// none.
auto knows(std::vector<std::string> names) {
  return [names = std::move(names)](const dns_question& q) -> packets {
    if (std::find(names.begin(), names.end(), q.name) != names.end())
      return resolver_fixture::good_script(q);
    auto code = q.name.find(".broken") != std::string::npos    ? dns::server_failure
                : q.name.find(".refused") != std::string::npos ? dns::refused
                : q.name.find(".empty") != std::string::npos   ? 0u
                                                               : dns::no_such_name;
    return {dns::reply(q, code)};
  };
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(resolver_search_tests, resolver_fixture)

CAF_TEST(a name without a dot is looked for in the search domains) {
  struct row {
    std::string domains, options, name;
    std::vector<std::string> known;
    std::string answer;
  };
  settings.dns.search = true;
  for (auto& [domains, options, name, known, answer] : std::vector<row>{
         {"a.test b.test", "", "svc", {"svc.a.test", "svc"}, "192.0.2.1 as svc.a.test"},
         {"a.test b.test", "", "svc", {"svc.b.test", "svc"}, "192.0.2.1 as svc.b.test"},
         {"a.test b.test", "", "svc", {"svc"}, "192.0.2.1"},
         {"a.test", "ndots:5", "svc", {"svc.a.test"}, "192.0.2.1 as svc.a.test"},
         {"a.test", "ndots:0", "svc", {"svc.a.test", "svc"}, "192.0.2.1"},
         {"a.test", "ndots:0", "svc", {"svc.a.test"}, "192.0.2.1 as svc.a.test"},
         // The root in the list is the name as it stands, in its turn.
         {". a.test", "", "svc", {"svc.a.test", "svc"}, "192.0.2.1"},
         // A domain without an answer leaves the next one to be tried, and so does a failure.
         {"empty.test b.test", "", "svc", {"svc.b.test"}, "192.0.2.1 as svc.b.test"},
         {"broken.test b.test", "", "svc", {"svc.b.test"}, "192.0.2.1 as svc.b.test"},
         // Other trouble leaves only the name as it was written.
         {"refused.test b.test", "", "svc", {"svc.b.test", "svc"}, "192.0.2.1"},
         // With a dot, or a dot at its end, a name is whole.
         {"a.test",
          "ndots:5",
          "svc.x",
          {"svc.x.a.test"},
          "dns_error: svc.x: no such name (NXDOMAIN)"},
         {"a.test", "", "svc.", {"svc.a.test"}, "dns_error: svc: no such name (NXDOMAIN)"},
         {"a.test b.test",
          "",
          "svc",
          {},
          "dns_error: svc: no such name (NXDOMAIN); looked for svc.a.test, svc.b.test, svc"},
         {"a.test", "no-tld-query", "svc", {"svc"}, "dns_error: svc: no such name (NXDOMAIN)"},
         {"empty.test",
          "",
          "svc",
          {},
          "dns_error: svc: the name has no address (NODATA); looked for svc.empty.test, svc"},
         {"broken.test",
          "",
          "svc",
          {},
          "dns_error: svc: the name server failed (SERVFAIL); looked for svc.broken.test, svc"},
         {"localhost", "", "svc", {}, "dns_error: svc: no such name (NXDOMAIN)"},
       }) {
    settings.dns.local_domain = domains;
    settings.dns.res_options = options;
    settings.dns.negative_ttl = 0ms;
    settings.dns.cache_size = 0;
    script = knows(known);
    start();
    CAF_MESSAGE(name << " in " << domains << ' ' << options);
    CAF_CHECK_EQUAL(resolve(name), answer);
  }
}

CAF_TEST(what a search domain made of a name is kept with it) {
  settings.dns.search = true;
  settings.dns.local_domain = "a.test";
  script = knows({"svc.a.test"});
  start();
  CAF_CHECK_EQUAL(resolve("svc"), "192.0.2.1 as svc.a.test");
  CAF_CHECK_EQUAL(resolve("svc"), "192.0.2.1 as svc.a.test (cached)");
  CAF_CHECK_EQUAL(server.count("svc.a.test", type_a), 1u);
  CAF_CHECK_EQUAL(server.count("svc"), 0u);
}

CAF_TEST(search domains follow the file) {
  auto name = "resolver-test-" + std::to_string(::getpid()) + ".conf";
  auto path = (std::filesystem::temp_directory_path() / name).string();
  auto write = [&](const std::string& text) { std::ofstream{path} << text; };
  write("nameserver 192.0.2.53\nsearch a.test\n");
  settings.dns.search = true;
  settings.dns.resolv_conf = path;
  script = knows({"svc.a.test", "svc.longer.test"});
  start();
  CAF_CHECK_EQUAL(resolve("svc"), "192.0.2.1 as svc.a.test");
  write("search longer.test\n");
  CAF_CHECK(run_until([&] { return resolve("svc") == "192.0.2.1 as svc.longer.test"; }));
  ::unlink(path.c_str());
  CAF_CHECK(run_until([&] { return resolve("svc").find("as ") == std::string::npos; }));
}

CAF_TEST_FIXTURE_SCOPE_END()
