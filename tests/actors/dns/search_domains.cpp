#define CAF_SUITE actors.dns.search_domains
#include "actors/dns/search_domains.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using names = std::vector<std::string>;

std::string joined(const names& all) {
  std::string out;
  for (const auto& one : all)
    out += (out.empty() ? "" : " ") + (one.empty() ? "." : one);
  return out;
}

} // namespace

CAF_TEST(a resolv conf is read as glibc reads it) {
  struct row {
    std::string text;
    std::optional<std::string> local_domain;
    std::string options, host_name, domains;
    bool first = false, last = true;
  };
  for (auto& [text, local_domain, options, host_name, domains, first, last] : std::vector<row>{
         {"search a.test b.test\n", {}, "", "box", "a.test b.test"},
         {"search\ta.test\tB.Test.\r\n", {}, "", "box", "a.test b.test"},
         {"search a.test\nsearch b.test\n", {}, "", "box", "b.test"}, // the last one counts
         {"search a.test\ndomain b.test c.test\n", {}, "", "box", "b.test"},
         {"domain b.test\nsearch a.test c.test", {}, "", "box", "a.test c.test"},
         {"# search a.test\n;search b.test\n search c.test\n", {}, "", "box", ""},
         {"searching a.test\n", {}, "", "box", ""},
         {"search . a.test\n", {}, "", "box", ". a.test"},
         {"search a..b 10.0.0.1 c.test\n", {}, "", "box", "c.test"},
         {"search a.test\n", "l.test m.test", "", "box", "l.test m.test"},
         {"search a.test\n", "", "", "box", ""}, // set and empty: nothing
         {"", {}, "", "box.home.test", "home.test"},
         {"search a.test\n", {}, "", "box.home.test", "a.test"},
         {"options ndots:0\nsearch a.test", {}, "", "box", "a.test", true},
         {"options timeout:1 ndots:0", {}, "ndots:2", "box", "", false},
         {"options ndots:2", {}, "rotate ndots:0", "box", "", true},
         {"options no-tld-query", {}, "", "box", "", false, false},
       }) {
    CAF_MESSAGE(text << " LOCALDOMAIN " << local_domain.value_or("-") << ' ' << options);
    auto got = parse_search_domains(text, local_domain, options, host_name);
    CAF_CHECK_EQUAL(joined(got.domains), domains);
    CAF_CHECK_EQUAL(got.as_written_first, first);
    CAF_CHECK_EQUAL(got.as_written_last, last);
  }
}

CAF_TEST(a search list is bounded) {
  std::string text = "search";
  for (size_t i = 0; i < 2 * max_search_domains; ++i)
    text += " d" + std::to_string(i) + ".test";
  CAF_CHECK_EQUAL(parse_search_domains(text, {}, "", "box").domains.size(), max_search_domains);
}

CAF_TEST(names are tried in order and each once) {
  struct row {
    search_domains by;
    std::string name, tried;
  };
  for (auto& [by, name, tried] : std::vector<row>{
         {{{"a.test", "b.test"}}, "svc", "svc.a.test svc.b.test svc"},
         {{{"a.test"}, true}, "svc", "svc svc.a.test"},
         {{{"a.test"}, false, false}, "svc", "svc.a.test"},
         {{{"", "a.test"}}, "svc", "svc svc.a.test"},
         {{{"a.test", "a.test"}}, "svc", "svc.a.test svc"},
         {{{}}, "svc", "svc"},
         {{{"a.test"}}, "svc.x", "svc.x"},
         {{{"localhost"}}, "svc", "svc"}, // this host, asked of nobody
         {{{std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.' +
            std::string(61, 'd')}},
          "svc",
          "svc"}, // too long together
       }) {
    CAF_MESSAGE(joined(by.domains));
    CAF_CHECK_EQUAL(joined(names_to_try(by, name)), tried);
  }
}

CAF_TEST(a dot at the end keeps search domains away) {
  CAF_CHECK_EQUAL(question_for(unbox(host::parse("svc"))), "svc");
  CAF_CHECK_EQUAL(question_for(unbox(host::parse("SVC."))), "svc.");
  CAF_CHECK_EQUAL(question_for(unbox(host::parse("svc.test."))), "svc.test");
}
