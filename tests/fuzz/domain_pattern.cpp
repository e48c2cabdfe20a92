// Two patterns and a host, one a line: what their relations to each other imply.

#include "policy/domain_pattern.hpp"
#include "policy/pattern_set.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using policy::domain_pattern;
using policy::pattern_set;

namespace {

void check_pattern(const domain_pattern& p) {
  auto again = domain_pattern::parse(p.str());
  require(again && again->str() == p.str(), "a normal text stays as it is");
  require(again->shape() == p.shape() && again->port() == p.port(), "and means the same");
  require(p.is_within(p), "a pattern lies inside itself");
}

/// The index must answer as the patterns do one by one.
void check_set(std::string_view text, const domain_pattern& p, const host& h, uint16_t port) {
  std::vector<pattern_set::problem> problems;
  auto set = pattern_set::compile({policy::placed_text{std::string{text}, "", 0, 0}}, problems);
  require(set && problems.empty(), "what parses compiles");
  require((set->match(h, port) != nullptr) == p.matches(h, port), "a set matches like its pattern");
}

void check_all(std::string_view in) {
  auto first_text = take_line(in);
  auto first = domain_pattern::parse(first_text);
  if (!first)
    return;
  check_pattern(*first);
  auto second_text = take_line(in);
  auto second = domain_pattern::parse(second_text);
  auto to = authority::parse(in);
  if (!to)
    return;
  auto port = to->port.value_or(443);
  check_set(first_text, *first, to->host, port);
  if (second && first->is_within(*second) && first->matches(to->host, port))
    require(second->matches(to->host, port), "what lies inside a pattern matches no more than it");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_all(view(data, size));
  return 0;
}
