#define CAF_SUITE protocols.error
#include "protocols/error.hpp" // unit under test

#include <caf/sec.hpp>
#include <iterator>
#include <set>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::string_literals;

CAF_TEST(an error gives back its code and its context) {
  auto err = caf::make_error(errc::dns_timeout, "a.com"s);
  CAF_CHECK_EQUAL(code_of(err), errc::dns_timeout);
  CAF_CHECK_EQUAL(context_of(err), "a.com"s);
}

CAF_TEST(an error of others is a system error without context) {
  CAF_CHECK_EQUAL(code_of(caf::make_error(caf::sec::request_timeout)), errc::system);
  CAF_CHECK_EQUAL(context_of(caf::make_error(caf::sec::request_timeout)), ""s);
  CAF_CHECK_EQUAL(context_of(caf::error{}), ""s);
  CAF_CHECK_EQUAL(code_of(caf::error{}), errc::system);
}

CAF_TEST(every code has one outcome and one name) {
  std::set<std::string> names;
  for (auto code = 1; code <= static_cast<int>(errc::system); ++code) {
    auto row = outcome_of(static_cast<errc>(code));
    CAF_CHECK_EQUAL(row.code, static_cast<errc>(code));
    names.insert(to_string(row.code));
  }
  CAF_CHECK_EQUAL(names.size(), std::size(outcomes));
  CAF_CHECK_EQUAL(names.count("unknown"), 0u);
}
