#define CAF_SUITE policy.allocation
#include "policy/evaluate.hpp" // unit under test

#include <cstdlib>
#include <new>

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

CAF_TEST(a judgement allocates nothing) {
  auto in_force = allowing(
    {"**.a-rather-long-name-beyond-any-small-buffer.example.com", "api*.example.org", "10.0.0.0/8"},
    {"*.denied.example.com", "192.0.2.0/24"});
  for (auto name : {"host.a-rather-long-name-beyond-any-small-buffer.example.com",
                    "api-with-a-long-first-label.example.org", "10.1.2.3",
                    "a-name-that-is-not-allowed-at-all.example.net", "x.denied.example.com"}) {
    CAF_MESSAGE(name);
    auto what = get(name);
    auto before = allocations;
    auto verdict = evaluate(in_force, std::move(what));
    auto spent = allocations - before;
    CAF_CHECK_EQUAL(spent, 0u);
    before = allocations;
    auto counted = std::make_unique<int>(1);
    spent = allocations - before;
    CAF_CHECK_EQUAL(spent, 1u); // the counter does count
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
