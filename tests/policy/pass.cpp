#define CAF_SUITE policy.pass
#include "policy/pass.hpp" // unit under test

#include <type_traits>

#include "tests/policy/asking.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

/// A policy as whoever serves by it keeps it.
struct snapshot {
  rules_ptr rules;
};
using snapshot_ptr = std::shared_ptr<const snapshot>;
using ticket = policy::pass<snapshot>;
using fresh = ticket::fresh;

static_assert(!std::is_copy_constructible_v<fresh> && !std::is_move_constructible_v<fresh>);
static_assert(!std::is_copy_assignable_v<fresh> && !std::is_move_assignable_v<fresh>);
static_assert(!std::is_default_constructible_v<fresh>);
static_assert(!std::is_constructible_v<fresh, ticket> && !std::is_convertible_v<ticket&, fresh>);
// What is looked at would be gone at the end of the line.
template <class T>
concept looks_at_a_temporary = requires(T pass) {
  pass.look(snapshot_ptr{});
};
template <class T>
concept renews_by_a_temporary = requires(T pass) {
  pass.renew(snapshot_ptr{}, asker{});
};
static_assert(!looks_at_a_temporary<ticket> && !renews_by_a_temporary<ticket>);

snapshot_ptr policy_of(rules what) {
  return std::make_shared<const snapshot>(snapshot{std::make_shared<const rules>(std::move(what))});
}

snapshot_ptr permitting(const std::vector<std::string>& allowed,
                        const std::vector<std::string>& denied = {}) {
  return policy_of(allowing(allowed, denied));
}

std::variant<permit, denial> judged_by(const snapshot& then, const target& what) {
  auto judged = decided(*then.rules, what);
  if (auto* no = std::get_if<denial>(&judged))
    return std::move(*no);
  return std::get<permit>(std::move(judged));
}

ticket granted(const snapshot_ptr& by, const target& what) {
  auto judged = decided(*by->rules, what);
  CAF_REQUIRE(std::holds_alternative<permit>(judged));
  return ticket{std::get<permit>(std::move(judged)), by};
}

ticket granted_by_decider(const snapshot_ptr& by, const target& what) {
  auto judged = answered(*by->rules, what);
  CAF_REQUIRE(std::holds_alternative<permit>(judged));
  return ticket{std::get<permit>(std::move(judged)), by};
}

/// "" when it is renewed, else the reason.
std::string renewed(ticket& t, const snapshot_ptr& now, const standing& where = {}) {
  auto again = t.renew(now, {}, where);
  auto* no = std::get_if<denial>(&again);
  return no ? std::string{reason_text(*no)} : std::string{};
}

} // namespace

CAF_TEST(a pass is fresh as long as nothing changes) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  CAF_CHECK(t.look(now).has_value());
  auto calls = 0;
  auto again = t.renew_by(now, [&](const snapshot_ptr&) -> std::variant<permit, denial> {
    ++calls;
    return denial{};
  });
  CAF_CHECK(std::holds_alternative<fresh>(again));
  CAF_CHECK_EQUAL(calls, 0);
  CAF_CHECK(&std::get<fresh>(again).snapshot() == now.get());
  CAF_CHECK_EQUAL(std::get<fresh>(again).to().host.text(), "a.test");
}

CAF_TEST(a pass owns the policy that its rule is in) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  std::weak_ptr<const snapshot> then = now;
  now.reset();
  CAF_REQUIRE(!then.expired());
  CAF_CHECK_EQUAL(t.rule()->text, "a.test");
  CAF_CHECK_EQUAL(t.rule()->line, 1u);
}

CAF_TEST(another policy makes a pass stale even where it says the same) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  now = permitting({"a.test"});
  CAF_CHECK(!t.look(now).has_value());
}

CAF_TEST(a renewed pass goes by the new policy and lets go of the old one) {
  auto now = permitting({"a.test"});
  std::weak_ptr<const snapshot> then = now;
  auto t = granted(now, get("a.test"));
  now = permitting({"b.test", "*.test"});
  CAF_CHECK_EQUAL(renewed(t, now), "");
  CAF_CHECK(then.expired());
  CAF_CHECK(t.snapshot() == now);
  CAF_CHECK(t.look(now).has_value());
  CAF_CHECK_EQUAL(t.rule()->text, "*.test");
}

CAF_TEST(what the new policy refuses stays stale) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  auto then = now;
  now = permitting({"*.test"}, {"a.test"});
  auto again = t.renew(now, {});
  auto* no = std::get_if<denial>(&again);
  CAF_REQUIRE(no != nullptr);
  CAF_CHECK_EQUAL(std::string{to_string(no->reason)}, "denied");
  CAF_CHECK_EQUAL(no->rule->text, "a.test");
  CAF_CHECK(t.snapshot() == then);
  CAF_CHECK(!t.look(now).has_value());
  CAF_CHECK_EQUAL(renewed(t, now), "denied"); // and again
}

CAF_TEST(a pass is judged by where it leads as well) {
  struct row {
    std::vector<std::string> denied;
    bool known;
    std::string reason;
  };
  for (auto& [denied, known, reason] : std::initializer_list<row>{
         {{}, true, ""},
         {{"9.9.9.0/24"}, true, "denied"},
         {{"9.9.9.0/24"}, false, ""}, // judged by name alone
         {{"a.corp.test"}, true, "denied"},
       }) {
    CAF_MESSAGE(reason << ' ' << known);
    auto now = permitting({"a"});
    auto t = granted(now, get("a"));
    now = permitting({"a"}, denied);
    standing where;
    if (known)
      where = {.connected = ip("9.9.9.9"),
               .found_as = std::make_shared<const host>(unbox(host::parse("a.corp.test")))};
    CAF_CHECK_EQUAL(renewed(t, now, where), reason);
  }
}

CAF_TEST(what a decider granted needs no rule and is refused by all else) {
  auto now = permitting({});
  auto t = granted_by_decider(now, get("a.test"));
  now = permitting({});
  CAF_CHECK_EQUAL(renewed(t, now), "");
  CAF_CHECK(t.by_decider());
  CAF_CHECK(t.rule() == nullptr);
  now = permitting({}, {"a.test"});
  CAF_CHECK_EQUAL(renewed(t, now), "denied");
}

CAF_TEST(a tunnel that is not read ends where it would have to be) {
  target tunnel = get("a.test", 443);
  tunnel.protocol = protocol::https_connect;
  tunnel.method = "CONNECT";
  for (auto read : {false, true}) {
    CAF_MESSAGE(read);
    auto now = permitting({"a.test"});
    auto t = granted(now, tunnel);
    auto limited = allowing({"a.test"});
    set_mode(limited, mode::limited);
    limited.mitm = true;
    now = policy_of(std::move(limited));
    CAF_CHECK_EQUAL(renewed(t, now, {.reading = read ? reading::done : reading::none}),
                    read ? "" : "mitm_required");
  }
}

CAF_TEST(whoever knows more of a request judges by that) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  now = permitting({"*.test"});
  auto by = [&](const std::string& name) {
    return [&, name](const snapshot_ptr& then) { return judged_by(*then, get(name)); };
  };
  auto refused = t.renew_by(now, by("a.example"));
  CAF_REQUIRE(std::holds_alternative<denial>(refused));
  auto again = t.renew_by(now, by("b.test"));
  CAF_REQUIRE(std::holds_alternative<fresh>(again));
  CAF_CHECK_EQUAL(std::get<fresh>(again).to().host.text(), "b.test");
}

CAF_TEST(a refusal tells no event of the rule that let the host pass) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  auto limited = allowing({"a.test"});
  set_mode(limited, mode::limited);
  now = policy_of(std::move(limited));
  target post = get("a.test");
  post.method = "POST";
  auto refused = t.renew_by(now, [&](const snapshot_ptr& then) { return judged_by(*then, post); });
  CAF_REQUIRE(std::holds_alternative<denial>(refused));
  CAF_CHECK(std::get<denial>(refused).passed == nullptr);
}

CAF_TEST(a fresh pass knows when it has been kept for too long) {
  auto now = permitting({"a.test"});
  auto t = granted(now, get("a.test"));
  auto looked = t.look(now);
  CAF_REQUIRE(looked.has_value());
  CAF_CHECK(looked->is_fresh());
  now = permitting({"a.test"});
  CAF_CHECK(!looked->is_fresh());
}

CAF_TEST(addresses are vetted by the policy of a fresh pass) {
  auto now = permitting({"a.test"}, {"9.9.9.0/24"});
  auto t = granted(now, get("a.test"));
  auto vetted_as = [&](std::vector<ip_address> to) { return vet(*t.look(now), {}, std::move(to)); };
  auto fine = vetted_as({ip("1.1.1.1"), ip("8.8.8.8")});
  CAF_REQUIRE(std::holds_alternative<vetted>(fine));
  CAF_CHECK_EQUAL(std::get<vetted>(fine).addresses().size(), 2u);
  for (auto bad : {"9.9.9.9", "127.0.0.1"})
    CAF_CHECK(std::holds_alternative<denial>(vetted_as({ip("1.1.1.1"), ip(bad)})));
  CAF_CHECK(std::holds_alternative<denial>(vetted_as({})));
}

CAF_TEST(the head of a request is kept and given back) {
  auto now = permitting({"a.test"});
  auto judged = decided(*now->rules, get("a.test"));
  ticket t{std::get<permit>(std::move(judged)), now, "GET / HTTP/1.1\r\n\r\n"};
  CAF_CHECK_EQUAL(t.head(), "GET / HTTP/1.1\r\n\r\n");
  CAF_CHECK_EQUAL(t.take_head(), "GET / HTTP/1.1\r\n\r\n");
  CAF_CHECK(t.head().empty());
}
