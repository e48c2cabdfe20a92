#define CAF_SUITE actors.observe.event_fields
#include "actors/observe/event_fields.hpp" // unit under test

#include <type_traits>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

decision_event some_event() {
  decision_event out;
  out.host = "a.example";
  out.user = "bob";
  out.rule = "*.example";
  out.client = client_address{ip_address::v4(0x7f000001), 1234};
  return out;
}

std::vector<std::string> names_of(const decision_event& event) {
  std::vector<std::string> out;
  for_each_record(event, [&](const event_record& what) {
    for_each_field(what, [&](std::string_view name, auto) { out.emplace_back(name); });
  });
  return out;
}

} // namespace

CAF_TEST(every field has a name that nobody else may take) {
  auto decided = some_event();
  auto failed = some_event();
  failed.fault = fault_facts{errc::dns_error, "no such name"};
  for (const auto& event : {decided, failed})
    for (const auto& name : names_of(event))
      CAF_CHECK(is_event_field(name));
  CAF_CHECK(is_event_field("trace_id"));
  CAF_CHECK(!is_event_field("conversation.id"));
  CAF_CHECK(!is_event_field(""));
}

CAF_TEST(a refusal by the mode has a record of the host that passed before it) {
  auto event = some_event();
  event.decision = policy::decision::deny;
  event.reason = policy::reason::method_not_allowed;
  event.domain_scope = false;
  event.passed_rule = "*.example";
  std::vector<std::string> told;
  for_each_record(event, [&](const event_record& what) {
    told.push_back(std::string{policy::to_string(what.decision)} + ' ' + std::string{what.reason} +
                   ' ' + std::string{what.rule} + (what.domain_scope ? " domain" : ""));
  });
  CAF_CHECK((told == std::vector<std::string>{"allow allow *.example domain",
                                              "deny method_not_allowed *.example"}));
}

CAF_TEST(each field has a type of its own) {
  auto event = some_event();
  event.port = 8080;
  event.generation = 3;
  event.overruled = policy::reason::not_allowed;
  std::vector<std::string> numbers, flags;
  for_each_record(event, [&](const event_record& what) {
    for_each_field(what, [&]<class T>(std::string_view name, T value) {
      if constexpr (std::is_same_v<T, bool>)
        flags.push_back(std::string{name} + (value ? "=true" : "=false"));
      else if constexpr (std::is_same_v<T, uint64_t>)
        numbers.push_back(std::string{name} + '=' + std::to_string(value));
    });
  });
  CAF_CHECK(
    (numbers == std::vector<std::string>{"server.port=8080", "network.policy.generation=3"}));
  CAF_CHECK((flags == std::vector<std::string>{"network.policy.override=true"}));
}
