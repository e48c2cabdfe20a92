#define CAF_SUITE actors.embed.sharing
#include <codex/network_proxy_caf.hpp> // unit under test

#include "tests/actors/embed/program.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

using namespace proxy::test;
using codex::network_decision;

namespace {

/// A program that runs CAF, and shares it with its proxies.
struct actor_program : program {
  [[nodiscard]] codex::network_proxy::builder sharing(std::vector<std::string> allowed = {}) {
    auto out = wanting(std::move(allowed));
    codex::share_system(out, system);
    return out;
  }
  /// What becomes of a change.
  template <class... Ts>
  caf::expected<codex::policy_change> change(const codex::policy_store_actor& store, Ts... what) {
    caf::expected<codex::policy_change> out{caf::sec::none};
    caf::scoped_actor self{system};
    self->request(store, patience, what...)
      .receive([&](codex::policy_change& made) { out = std::move(made); },
               [&](caf::error& why) { out = std::move(why); });
    return out;
  }

  caf::actor_system_config settings;
  caf::actor_system system{settings};
};

using asked_hosts = std::shared_ptr<heard<std::string>>;

codex::decider_actor::behavior_type allow_local(const asked_hosts& asked) {
  return {[asked](codex::decide_atom, const codex::policy_request& what) {
    asked->add(what.host);
    return what.host == "127.0.0.1" ? (network_decision::allow)() : network_decision::deny("far");
  }};
}

using told_refusals = std::shared_ptr<heard<codex::blocked_request>>;

codex::refusal_listener::behavior_type listen_to(const told_refusals& told) {
  return {[told](codex::blocked_atom, const codex::blocked_request& one) { told->add(one); }};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(sharing_tests, actor_program)

CAF_TEST(an actor decides) {
  listening origin;
  auto asked = std::make_shared<heard<std::string>>();
  auto wanted = sharing();
  codex::decide_by(wanted, system.spawn(allow_local, asked));
  auto proxy = running(wanted);
  CAF_CHECK_EQUAL(open_tunnel(proxy.http_addr(), origin.address()).second.substr(9, 3), "200");
  CAF_CHECK(contains(get(proxy.http_addr(), "far.test"), "\"reason\":\"far\""));
  CAF_CHECK(asked->await(2) == (std::vector<std::string>{"127.0.0.1", "far.test"}));
}

CAF_TEST(an actor that has ended denies) {
  auto asked = std::make_shared<heard<std::string>>();
  auto wanted = sharing();
  auto decider = system.spawn(allow_local, asked);
  codex::decide_by(wanted, decider);
  auto proxy = running(wanted);
  caf::anon_send_exit(decider, caf::exit_reason::kill);
  CAF_CHECK(contains(get(proxy.http_addr(), "127.0.0.1:9"), "\"reason\":\"decider_failed\""));
  CAF_CHECK(asked->all().empty());
}

CAF_TEST(the store of a proxy is changed by messages) {
  auto wanted = sharing();
  auto proxy = running(wanted);
  auto store = codex::policy_store_of(proxy);
  CAF_REQUIRE(store);
  auto limited = change(store, codex::set_mode_atom::value, codex::network_mode::limited);
  CAF_REQUIRE(limited);
  CAF_CHECK_EQUAL(limited->changed, std::vector<std::string>{"network_proxy.mode"});
  CAF_CHECK(contains(get(proxy.http_addr(), "127.0.0.1", "POST"), "not_allowed"));
  CAF_CHECK(change(store, codex::allow_atom::value, std::string{"127.0.0.1"}));
  CAF_CHECK(contains(get(proxy.http_addr(), "127.0.0.1", "POST"), "method_not_allowed"));
  CAF_CHECK(change(store, codex::deny_atom::value, std::string{"127.0.0.1"}));
  CAF_CHECK(contains(get(proxy.http_addr(), "127.0.0.1"), "\"reason\":\"denied\""));
  auto wrong = change(store, codex::allow_atom::value, std::string{"**"});
  CAF_REQUIRE(!wrong);
  CAF_CHECK(wrong.error() == caf::sec::runtime_error);
  auto same = change(store, codex::reload_atom::value);
  CAF_REQUIRE(same);
  CAF_CHECK_EQUAL(same->generation, 5u);
}

CAF_TEST(whoever subscribes hears of refusals) {
  auto first = std::make_shared<heard<codex::blocked_request>>();
  auto second = std::make_shared<heard<codex::blocked_request>>();
  heard<std::string> observed;
  auto wanted = sharing();
  wanted.blocked_request_observer([&](const auto& one) { observed.add(one.host); });
  auto proxy = running(wanted);
  auto events = codex::events_of(proxy);
  CAF_REQUIRE(events);
  caf::anon_send(events, codex::subscribe_atom::value, system.spawn(listen_to, first));
  caf::anon_send(events, codex::subscribe_atom::value, system.spawn(listen_to, second));
  (void)get(proxy.http_addr(), "one.test");
  (void)get(proxy.http_addr(), "two.test");
  for (const auto& each : {first, second}) {
    auto told = each->await(2);
    CAF_REQUIRE_EQUAL(told.size(), 2u);
    CAF_CHECK_EQUAL(told[0].host, "one.test");
    CAF_CHECK_EQUAL(told[1].host, "two.test");
    CAF_CHECK_EQUAL(told[1].reason, "not_allowed");
  }
  CAF_CHECK_EQUAL(observed.await(2).size(), 2u);
}

CAF_TEST(proxies share a system and it goes on without them) {
  codex::policy_store_actor store;
  {
    auto wanted = sharing({"127.0.0.1"});
    auto one = running(wanted);
    auto other = running(wanted);
    listening origin;
    for (auto* each : {&one, &other})
      CAF_CHECK_EQUAL(open_tunnel(each->http_addr(), origin.address()).second.substr(9, 3), "200");
    store = codex::policy_store_of(one);
    CAF_CHECK(one.shutdown(std::chrono::milliseconds{0}));
    CAF_CHECK_EQUAL(open_tunnel(other.http_addr(), origin.address()).second.substr(9, 3), "200");
  }
  CAF_CHECK(!change(store, codex::reload_atom::value));
  auto asked = std::make_shared<heard<std::string>>();
  auto still = system.spawn(allow_local, asked);
  caf::scoped_actor self{system};
  self->request(still, patience, codex::decide_atom::value, codex::policy_request{})
    .receive([](const network_decision&) {}, [](const caf::error&) { CAF_ERROR("no answer"); });
}

CAF_TEST(one that shares no system has no actors for others) {
  auto wanted = wanting();
  auto proxy = running(wanted);
  CAF_CHECK(!codex::policy_store_of(proxy));
  CAF_CHECK(!codex::events_of(proxy));
}

CAF_TEST_FIXTURE_SCOPE_END()
