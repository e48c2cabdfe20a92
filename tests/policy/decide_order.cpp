#define CAF_SUITE policy.decide_order
#include "policy/decide.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

/// What can stand in the way of one request, in the order in which it has to be told.
enum obstacle : unsigned {
  other_name,
  no_proxy,
  denied_host,
  own_listener,
  not_explicit,
  unlisted,
  no_hook_fits,
  wrong_method,
  bad_address,
  obstacles,
};

/// By its reason, and by the step that finds it.
struct told_as {
  std::string_view reason, step;
};
constexpr told_as told[] = {
  {"misdirected", "request"},     {"proxy_disabled", "enabled"},
  {"denied", "denied_domains"},   {"not_allowed_local", "own_listeners"},
  {"not_allowed_local", "local"}, {"not_allowed", "allowed_domains"},
  {"mitm_hook_denied", "hooks"},  {"method_not_allowed", "method"},
  {"denied", "addresses"},
};
static_assert(std::size(told) == obstacles);

bool stands(unsigned in_the_way, obstacle which) { return (in_the_way >> which & 1) != 0; }

/// Who may lift `unlisted`.
enum class word_of : uint8_t { nobody, somebody, rule };

/// A request inside a tunnel with everything in its way that is asked for, all at once.
struct scene {
  scene(unsigned in_the_way, word_of word) {
    auto is = [in_the_way](obstacle which) { return stands(in_the_way, which); };
    plain_lists lists;
    lists.denied = rules_of({"9.9.9.9"});
    if (is(denied_host))
      lists.denied.push_back({"127.0.0.0/8", "config.toml", 2, 1});
    if (!is(unlisted))
      lists.allowed = rules_of({is(not_explicit) ? "0.0.0.0/0" : "127.0.0.1"});
    lists.hooks = {hook_of({.host = "127.0.0.1", .methods = {is(wrong_method) ? "POST" : "GET"}})};
    if (is(no_hook_fits))
      lists.hooks[0].path_prefixes = matchers({"/elsewhere"}, value_matcher::use::path);
    lists.mode = is(wrong_method) ? mode::limited : mode::full;
    auto all = rules_from(std::move(lists));
    if (word == word_of::rule)
      all.push_back({.id = "asks", .act = action::ask, .hosts = rules_of({"127.0.0.1"})});
    std::vector<rule_table::problem> problems;
    in_force.table = rule_table::compile(std::move(all), problems);
    CAF_REQUIRE(in_force.table);
    in_force.enabled = !is(no_proxy);
    in_force.mitm = true;
    in_force.asks_unlisted = word == word_of::somebody;
    // What no list names is not explicitly listed either, unless local hosts need no listing.
    in_force.allow_local_binding = is(unlisted) && !is(not_explicit);
    if (is(own_listener))
      in_force.own_listeners = {{ip("127.0.0.1"), 443}};
    to = request_inside("127.0.0.1", is(wrong_method) ? "POST" : "GET");
    through = to;
    if (is(other_name))
      through.host = get("127.0.0.2").host;
    leads_to = ips({is(bad_address) ? "9.9.9.9" : "127.0.0.1"});
  }

  verdict judge(trace* why, const answer* word = nullptr) {
    return decide(in_force,
                  {.to = to,
                   .request = request_facts{"/", {}, &path},
                   .through = &through,
                   .answer = word,
                   .leads_to = destination{.addresses = leads_to}},
                  why);
  }

  rules in_force;
  target to, through;
  std::vector<ip_address> leads_to;
  http1::request_path path;
};

/// "allow", or the first of the obstacles and where it is found.
std::string first_of(unsigned in_the_way) {
  for (unsigned one = 0; one < obstacles; ++one)
    if (stands(in_the_way, static_cast<obstacle>(one)))
      return std::string{told[one].reason} + " at " + std::string{told[one].step};
  return "allow";
}

std::string heard(const verdict& v, const trace& why) {
  auto words = said(v);
  if (std::holds_alternative<denial>(v))
    words += " at " + (why.empty() ? std::string{"nothing"} : std::string{why.back().name});
  return words;
}

std::string names_of(unsigned in_the_way) {
  std::string out;
  for (unsigned one = 0; one < obstacles; ++one)
    if (stands(in_the_way, static_cast<obstacle>(one)))
      (out += out.empty() ? "" : " and ") += told[one].step;
  return out;
}

constexpr unsigned every_set = 1U << obstacles;

} // namespace

CAF_TEST(of all that stands in the way the first in order is told) {
  for (unsigned set = 0; set < every_set; ++set) {
    CAF_MESSAGE(names_of(set));
    scene s{set, word_of::nobody};
    trace why;
    auto judged = s.judge(&why);
    CAF_CHECK_EQUAL(heard(judged, why), first_of(set));
    // The same without a trace, and where no permit is wanted.
    CAF_CHECK_EQUAL(said(s.judge(nullptr)), said(judged));
  }
}

CAF_TEST(somebody is asked where the lists alone stand in the way) {
  for (unsigned set = 0; set < every_set; ++set) {
    CAF_MESSAGE(names_of(set));
    auto without = set & ~(1U << unlisted);
    auto before = without & ((1U << unlisted) - 1);
    auto after =
      without & ~before & ~(1U << bad_address); // addresses are looked at when they said yes
    for (auto word : {word_of::somebody, word_of::rule}) {
      scene s{set, word};
      trace why;
      auto judged = s.judge(&why);
      if (!stands(set, unlisted) || before != 0) { // allow beats ask
        CAF_CHECK_EQUAL(heard(judged, why), first_of(set));
        continue;
      }
      // Nobody is asked in vain: then the first in order is told, and a rule that asks refuses
      // nothing by itself.
      if (after == 0)
        CAF_CHECK_EQUAL(said(judged), "ask");
      else if (word == word_of::somebody)
        CAF_CHECK_EQUAL(said(judged), "not_allowed");
      else
        CAF_CHECK_EQUAL(heard(judged, why), first_of(after));
      // Their word lifts that alone.
      why.clear();
      auto again = s.judge(&why, &yes);
      CAF_CHECK_EQUAL(heard(again, why), first_of(without));
      if (auto* granted = std::get_if<permit>(&again)) {
        CAF_CHECK(granted->source() == source::decider);
        CAF_CHECK(granted->rule() == nullptr);
      }
    }
  }
}
