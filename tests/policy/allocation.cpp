#define CAF_SUITE policy.allocation
#include "policy/decide.hpp" // unit under test

#include <cstdlib>
#include <new>

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

thread_local size_t allocations = 0;

} // namespace

// Counts what this program allocates; the other suites do not look at it. Every form is replaced,
// so that sanitizers see new and delete in pairs; not inlined, so that the compiler does too.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(size_t size) {
  if (auto memory = operator new(size, std::nothrow))
    return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

CAF_TEST(the counter counts) {
  auto before = allocations;
  auto counted = std::make_unique<int>(1);
  CAF_CHECK_EQUAL(allocations - before, 1u);
}

CAF_TEST(a judgement allocates nothing but the target of a permit) {
  auto in_force = allowing(
    {"**.a-rather-long-name-beyond-any-small-buffer.example.com", "api*.example.org", "10.0.0.0/8"},
    {"*.denied.example.com", "192.0.2.0/24"});
  for (auto name : {"host.a-rather-long-name-beyond-any-small-buffer.example.com",
                    "api-with-a-long-first-label.example.org", "10.1.2.3",
                    "a-name-that-is-not-allowed-at-all.example.net", "x.denied.example.com"}) {
    CAF_MESSAGE(name);
    auto what = get(name);
    auto before = allocations;
    auto copy = what;
    auto of_target = allocations - before;
    before = allocations;
    auto verdict = decide(in_force, {.to = what});
    auto spent = allocations - before;
    CAF_CHECK_EQUAL(spent, std::holds_alternative<permit>(verdict) ? of_target : 0u);
    auto at = ip("1.1.1.1");
    before = allocations;
    auto no = why_not(
      in_force, {.to = what,
                 .leads_to = destination{.addresses = std::span<const proxy::ip_address>{&at, 1}}});
    spent = allocations - before;
    CAF_CHECK_EQUAL(spent, 0u);
  }
}

namespace {

/// A name among many of its kind.
std::string name_of(size_t number) { return "host" + std::to_string(number) + ".zone.test"; }

/// A list of many, and as many rules that each ask for more than their host.
rules with_many(size_t count) {
  plain_lists lists;
  std::vector<rule> all;
  for (size_t i = 0; i < count; ++i) {
    lists.allowed.push_back({name_of(i), "config.toml", 1, 1});
    lists.denied.push_back({"*.bad." + name_of(i), "config.toml", 1, 1});
  }
  all = rules_from(std::move(lists));
  request_limits reading;
  reading.methods = {"GET"};
  auto shared = std::make_shared<const request_limits>(reading);
  for (size_t i = 0; i < count; ++i)
    all.push_back({.id = "rule " + std::to_string(i),
                   .act = i % 2 == 0 ? action::allow : action::deny,
                   .hosts = {{"api." + name_of(i), "rules.toml", 1, 1}},
                   .ports = {443},
                   .request = shared});
  std::vector<rule_table::problem> problems;
  rules out;
  out.enabled = true;
  out.mitm = true;
  out.table = rule_table::compile(std::move(all), problems);
  CAF_REQUIRE(out.table);
  return out;
}

} // namespace

CAF_TEST(a hundred thousand patterns cost what ten do) {
  struct price {
    size_t visits = 0;
    size_t allocated = 0;
    std::string said;
    bool operator==(const price&) const = default;
  };
  auto few = with_many(10);
  auto many = with_many(100'000);
  proxy::http1::request_path path;
  path.text.reserve(100);
  auto price_of = [&](const rules& in_force, const std::string& name, std::string method) {
    auto to = request_inside(name, std::move(method));
    price out;
    query q{.to = to, .request = request_facts{"/x", {}, &path}, .visits = &out.visits};
    auto before = allocations;
    auto no = why_not(in_force, q);
    out.allocated = allocations - before;
    out.said = said(no);
    return out;
  };
  for (auto [name, method, answer, visits] :
       std::initializer_list<std::tuple<std::string, std::string, std::string, size_t>>{
         {name_of(7), "GET", "allow", 1},
         {"x.bad." + name_of(7), "GET", "denied", 1},
         {"nobody.test", "GET", "not_allowed", 0},
         {"api." + name_of(8), "GET", "allow", 1},
         {"api." + name_of(8), "POST", "not_allowed", 2}, // also looked at for a tunnel
         {"api." + name_of(9), "GET", "denied", 1},
         {"api." + name_of(9), "POST", "not_allowed", 1},
       }) {
    CAF_MESSAGE(method << " " << name);
    auto of_few = price_of(few, name, method);
    auto of_many = price_of(many, name, method);
    CAF_CHECK_EQUAL(of_few.said, answer);
    CAF_CHECK_EQUAL(of_few.visits, visits);
    CAF_CHECK_EQUAL(of_few.allocated, 0u);
    CAF_CHECK(of_few == of_many);
  }
}

CAF_TEST(a look at the hooks allocates nothing) {
  auto hooks = hooks_of({{.host = "a-host-with-a-name-beyond-any-small-buffer.test",
                          .paths = {"/repos/", "pattern:/{v1,v2}/**/issues"},
                          .query = {{"state", {"closed", "pattern:op*"}}},
                          .headers = {{"x-version", {"pattern:2022*preview"}}}}});
  auto of = get("a-host-with-a-name-beyond-any-small-buffer.test").host;
  std::vector<proxy::http1::field> fields{{"X-Version", "2022-11-28-preview"}};
  proxy::http1::request_path path;
  path.text.reserve(100); // as a loop's own keeps its capacity
  for (auto target : {"/v1/a/b/c/issues?state=%6fpen&of=a-rather-long-value-of-no-interest",
                      "/elsewhere/%7Euser/../x?state=open"}) {
    CAF_MESSAGE(target);
    auto before = allocations;
    auto why = proxy::http1::canonicalise(target, path);
    auto match = hooks->match(of, {"GET", &path, fields});
    auto spent = allocations - before;
    CAF_CHECK(!why);
    CAF_CHECK(match.outcome != hook_match::kind::not_hooked);
    CAF_CHECK_EQUAL(spent, 0u);
  }
}
