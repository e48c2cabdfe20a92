#define CAF_SUITE actors.embed.future_watch
#include "actors/embed/future_watch.hpp" // unit under test

#include <stdexcept>
#include <thread>

#include "tests/actors/embed/asking.hpp"
#include "tests/actors/embed/moments.hpp"

using namespace proxy;
using namespace proxy::embed;
using namespace proxy::test;
using codex::network_decision;
using codex::policy_request;

namespace {

using answers = std::future<network_decision>;

std::promise<network_decision> failed() {
  std::promise<network_decision> p;
  p.set_exception(std::make_exception_ptr(std::logic_error{"no"}));
  return p;
}

std::promise<network_decision> broken() { return {}; }

} // namespace

CAF_TEST(a word is what the future comes to) {
  struct row {
    const char* what;
    std::function<answers()> future;
    const char* word;
  };
  auto ready = [] {
    std::promise<network_decision> p;
    p.set_value(network_decision::deny("ready"));
    return p.get_future();
  };
  auto throwing = [](std::launch how) {
    return std::async(how, []() -> network_decision { throw std::logic_error{"no"}; });
  };
  auto allowing = [](std::launch how) {
    return std::async(how, [] { return network_decision::allow(); });
  };
  for (auto& [what, future, word] : std::initializer_list<row>{
         {"ready", ready, "1 deny ready"},
         {"in a thread", [&] { return allowing(std::launch::async); }, "1 allow"},
         {"deferred", [&] { return allowing(std::launch::deferred); }, "1 allow"},
         {"an exception", [] { return failed().get_future(); }, "1 none"},
         {"one of a thread", [&] { return throwing(std::launch::async); }, "1 none"},
         {"a deferred one", [&] { return throwing(std::launch::deferred); }, "1 none"},
         {"a broken promise", [] { return broken().get_future(); }, "1 none"},
         {"empty", [] { return answers{}; }, "1 none"},
         {"an exception in its place", []() -> answers { throw std::logic_error{"no"}; }, "1 none"},
       }) {
    CAF_MESSAGE(what);
    words w;
    decider_pool pool{
      answering_later([one = future](const policy_request&) { return one(); }), {}, 1};
    w.ask(pool, 1);
    CAF_REQUIRE(w.wait(1));
    CAF_CHECK(w.all() == strings{word});
  }
}

CAF_TEST(futures that become ready in any order hold nobody up) {
  words w;
  std::map<std::string, std::promise<network_decision>> promised;
  for (auto* name : {"one.test", "two.test", "three.test"})
    promised[name];
  heard<int> asked;
  decider_pool pool{answering_later([&](const policy_request& request) {
                      asked.add(1);
                      return promised.at(request.host).get_future();
                    }),
                    {},
                    1};
  w.ask(pool, question_about(1, "one.test"));
  w.ask(pool, question_about(2, "two.test"));
  w.ask(pool, question_about(3, "three.test"));
  CAF_REQUIRE(asked.wait(3)); // one thread asks: it waits for none of them
  promised["three.test"].set_value(network_decision::allow());
  CAF_REQUIRE(w.wait(1));
  promised["one.test"].set_exception(std::make_exception_ptr(7));
  CAF_REQUIRE(w.wait(2));
  promised["two.test"].set_value(network_decision::ask("owner"));
  CAF_REQUIRE(w.wait(3));
  CAF_CHECK(w.all() == (strings{"3 allow", "1 none", "2 ask owner"}));
}

CAF_TEST(a thread watches again after there was nothing to watch) {
  words w;
  heard<std::shared_ptr<std::promise<network_decision>>> promised;
  decider_pool pool{answering_later([&](const policy_request&) {
                      auto p = std::make_shared<std::promise<network_decision>>();
                      auto future = p->get_future();
                      promised.add(std::move(p));
                      return future;
                    }),
                    {},
                    2};
  for (size_t i = 1; i <= 20; ++i) {
    w.ask(pool, i);
    CAF_REQUIRE(promised.wait(i));
    promised.all().back()->set_value(network_decision::allow());
    CAF_REQUIRE(w.wait(i));
  }
}

CAF_TEST(a deferred future that takes its time holds up its own thread alone) {
  words w;
  happening begun, let_go;
  decider_pool pool{answering_later([&](const policy_request& request) {
                      if (request.host != "slow.test")
                        return std::async(std::launch::async,
                                          [] { return network_decision::allow(); });
                      return std::async(std::launch::deferred, [&] {
                        begun.happen();
                        (void)let_go.wait();
                        return network_decision::deny("slow");
                      });
                    }),
                    {},
                    2};
  w.ask(pool, question_about(1, "slow.test"));
  CAF_REQUIRE(begun.wait());
  w.ask(pool, 2);
  CAF_CHECK(w.wait(1));
  let_go.happen();
  CAF_CHECK(w.wait(2));
  CAF_CHECK(w.all() == (strings{"2 allow", "1 deny slow"}));
}

CAF_TEST(a future that is never ready is left behind) {
  words w;
  std::promise<network_decision> never;
  heard<int> asked;
  {
    decider_pool pool{answering_later([&](const policy_request&) {
                        asked.add(1);
                        return never.get_future();
                      }),
                      {},
                      1};
    w.ask(pool, 1);
    CAF_REQUIRE(asked.wait(1));
  }
  never.set_value(network_decision::allow()); // falls on nothing
  CAF_CHECK(w.all().empty());
}

CAF_TEST(a future that is ready after its question has gone falls on nothing) {
  words w;
  std::promise<network_decision> first, second;
  heard<int> asked;
  decider_pool pool{answering_later([&](const policy_request& request) {
                      asked.add(1);
                      return (request.host == "first.test" ? first : second).get_future();
                    }),
                    {},
                    1};
  w.ask(pool, question_about(1, "first.test"));
  w.ask(pool, question_about(2, "second.test"));
  CAF_REQUIRE(asked.wait(2));
  pool.withdraw(1);
  first.set_value(network_decision::allow());
  second.set_value(network_decision::allow());
  CAF_REQUIRE(w.wait(1));
  CAF_CHECK(w.all() == strings{"2 allow"});
}
