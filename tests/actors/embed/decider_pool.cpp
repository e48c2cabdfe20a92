#define CAF_SUITE actors.embed.decider_pool
#include "actors/embed/decider_pool.hpp" // unit under test

#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "tests/actors/embed/asking.hpp"
#include "tests/actors/embed/moments.hpp"

using namespace proxy;
using namespace proxy::embed;
using namespace proxy::test;
using codex::decision_reply;
using codex::network_decision;
using codex::policy_request;

namespace {

/// Keeps the replies, for the test to use.
struct kept_replies {
  heard<decision_reply> all;
  decider_pool::function function() {
    return [this](const policy_request&, decision_reply reply) { all.add(std::move(reply)); };
  }
  decision_reply first() {
    CAF_REQUIRE(all.wait(1));
    return all.all().front();
  }
};

/// A call that lasts until it is let go. Its thread may outlive the test: both hold it.
struct long_call {
  happening begun, let_go, over;

  static decider_pool::function of(const std::shared_ptr<long_call>& c) {
    return [c](const policy_request&, const decision_reply& reply) {
      c->begun.happen();
      (void)c->let_go.wait();
      reply(network_decision::allow());
      c->over.happen();
    };
  }
};

} // namespace

CAF_TEST(a word is what the decider returns) {
  struct row {
    network_decision returned;
    const char* word;
  };
  for (auto& [returned, word] : std::initializer_list<row>{
         {network_decision::allow(), "1 allow"},
         {network_decision::deny(), "1 deny"},
         {network_decision::deny("not today"), "1 deny not today"},
         {network_decision::ask(), "1 ask"},
         {network_decision::ask("ask the owner"), "1 ask ask the owner"},
       }) {
    CAF_MESSAGE(word);
    words w;
    decider_pool pool{answering([one = returned](const policy_request&) { return one; }), {}, 1};
    w.ask(pool, 1);
    CAF_REQUIRE(w.wait(1));
    CAF_CHECK(w.all() == strings{word});
  }
}

CAF_TEST(a decider that throws or lets go of the reply has no word) {
  using function = decider_pool::function;
  struct row {
    const char* what;
    function decide;
  };
  for (auto& [what, decide] : std::initializer_list<row>{
         {"throws instead of a value", answering([](const policy_request&) -> network_decision {
            throw std::logic_error{"x"};
          })},
         {"throws no std::exception",
          answering([](const policy_request&) -> network_decision { throw 7; })},
         {"throws with the reply",
          [](const policy_request&, const decision_reply&) { throw std::logic_error{"x"}; }},
         {"returns without having used it", [](const policy_request&, const decision_reply&) {}},
         {"lets the last of two go",
          [](const policy_request&, decision_reply reply) {
            auto copy = reply;
            reply = decision_reply{nullptr};
          }},
       }) {
    CAF_MESSAGE(what);
    words w;
    decider_pool pool{decide, {}, 1};
    w.ask(pool, 1);
    CAF_REQUIRE(w.wait(1));
    CAF_CHECK(w.all() == strings{"1 none"});
  }
}

CAF_TEST(a reply may be used later and by any thread) {
  words w;
  kept_replies kept;
  decider_pool pool{kept.function(), {}, 1};
  w.ask(pool, 1);
  std::thread{[reply = kept.first()] { reply(network_decision::deny("later")); }}.join();
  CAF_CHECK(w.all() == strings{"1 deny later"});
}

CAF_TEST(the first use of a reply counts) {
  words w;
  decider_pool pool{[](const policy_request&, const decision_reply& reply) {
                      auto copy = reply;
                      copy(network_decision::deny("first"));
                      reply(network_decision::allow());
                      copy(network_decision::allow());
                      throw std::logic_error{"after that"};
                    },
                    {},
                    1};
  w.ask(pool, 1);
  w.ask(pool, 2); // asked by the one thread once it is done with the other
  CAF_REQUIRE(w.wait(2));
  CAF_CHECK(w.all() == (strings{"1 deny first", "2 deny first"}));
}

CAF_TEST(a reply that comes too late falls on nothing) {
  words w;
  kept_replies kept;
  auto pool = std::make_unique<decider_pool>(kept.function(), codex::connection_attributes{}, 1);
  w.ask(*pool, 1);
  w.ask(*pool, 2);
  CAF_REQUIRE(kept.all.wait(2));
  auto replies = kept.all.all();
  pool->withdraw(1);
  replies[0](network_decision::allow());
  pool->end();
  replies[1](network_decision::allow());
  pool = nullptr;
  replies[1](network_decision::allow());
  CAF_CHECK(w.all().empty());
}

CAF_TEST(a request says who asks for what) {
  heard<policy_request> got;
  heard<bool> open_meanwhile;
  words w;
  decider_pool pool{answering([&](const policy_request& request) {
                      got.add(request);
                      open_meanwhile.add(request.cancelled.stop_possible() &&
                                         !request.cancelled.stop_requested());
                      return network_decision::allow();
                    }),
                    {.command = "curl", .exec_policy_hint = "network", .more = {{"id", "7"}}},
                    1};
  auto what = question_about(1, "Bücher.Example");
  what.to.protocol = policy::protocol::https_connect;
  what.to.port = 8443;
  what.to.method = "CONNECT";
  what.client = "127.0.0.1:5000";
  what.user = "alice";
  w.ask(pool, what);
  CAF_REQUIRE(w.wait(1));
  auto all = got.all();
  const auto& r = all.front();
  CAF_CHECK(r.protocol == codex::network_protocol::https_connect);
  CAF_CHECK_EQUAL(r.host, "xn--bcher-kva.example");
  CAF_CHECK_EQUAL(r.port, 8443);
  CAF_CHECK_EQUAL(r.method, "CONNECT");
  CAF_CHECK_EQUAL(r.client_address, "127.0.0.1:5000");
  CAF_CHECK_EQUAL(r.client, "alice");
  CAF_CHECK_EQUAL(r.command, "curl");
  CAF_CHECK_EQUAL(r.exec_policy_hint, "network");
  CAF_CHECK(r.attributes == (std::map<std::string, std::string>{{"id", "7"}}));
  CAF_CHECK(open_meanwhile.all() == std::vector<bool>{true});
}

CAF_TEST(a decider hears that its question has been withdrawn) {
  heard<std::string> calls;
  words w;
  auto wait_for_it = [&](const policy_request& request) {
    calls.add("begun");
    happening cancelled;
    std::stop_callback told{request.cancelled, [&] { cancelled.happen(); }};
    calls.add(cancelled.wait() ? "cancelled" : "forgotten");
    return network_decision::allow();
  };
  decider_pool pool{answering(wait_for_it), {}, 2};
  w.ask(pool, 1);
  CAF_REQUIRE(calls.wait(1));
  pool.withdraw(1);
  CAF_REQUIRE(calls.wait(2));
  pool.withdraw(1); // again, and what was never asked: nothing
  pool.withdraw(9);
  w.ask(pool, 2);
  w.ask(pool, 3);
  CAF_REQUIRE(calls.wait(4));
  pool.end(late()); // of all that are asked
  CAF_CHECK(calls.all() ==
            (strings{"begun", "cancelled", "begun", "begun", "cancelled", "cancelled"}));
  CAF_CHECK(w.all().empty());
}

CAF_TEST(a question that goes before a thread has taken it is not asked) {
  heard<std::string> asked;
  happening hears, let_go, news_are_over;
  auto take_the_news = [&] {
    hears.happen();
    (void)news_are_over.wait();
  };
  std::optional<std::stop_callback<std::function<void()>>> told; // longer than the call that asks
  words w;
  kept_replies kept;
  auto decide = [&](const policy_request& request, const decision_reply& reply) {
    asked.add(request.host);
    if (request.host == "slow.test") {
      told.emplace(request.cancelled, take_the_news);
      return kept.all.add(reply);
    }
    if (request.host == "first.test")
      (void)let_go.wait();
    reply(network_decision::allow());
  };
  decider_pool pool{decide, {}, 1};
  w.ask(pool, question_about(1, "slow.test"));
  w.ask(pool, question_about(2, "first.test"));
  CAF_REQUIRE(asked.wait(2));
  w.ask(pool, question_about(3, "second.test"));
  w.ask(pool, question_about(4, "third.test"));
  pool.withdraw(1);
  CAF_REQUIRE(hears.wait()); // and takes his time: whoever comes after him is not told yet
  pool.withdraw(3);
  let_go.happen();
  CAF_REQUIRE(w.wait(2));
  news_are_over.happen();
  CAF_CHECK(asked.all() == (strings{"slow.test", "first.test", "third.test"}));
  CAF_CHECK(w.all() == (strings{"2 allow", "4 allow"}));
}

CAF_TEST(more questions than may wait have no word) {
  auto call = std::make_shared<long_call>();
  words w;
  decider_pool pool{long_call::of(call), {}, 1};
  w.ask(pool, 1);
  CAF_REQUIRE(call->begun.wait());
  for (uint64_t i = 0; i < decider_pool::max_waiting; ++i)
    w.ask(pool, 2 + i);
  CAF_CHECK(w.all().empty());
  const uint64_t last = decider_pool::max_waiting + 2;
  w.ask(pool, last);
  CAF_CHECK(w.all() == strings{std::to_string(last) + " none"});
  call->let_go.happen();
  CAF_CHECK(w.wait(last));
}

CAF_TEST(who asks after the end is told at once) {
  words w;
  heard<int> asked;
  decider_pool pool{answering([&](const policy_request&) {
                      asked.add(1);
                      return network_decision::allow();
                    }),
                    {},
                    1};
  pool.end();
  w.ask(pool, 1);
  CAF_CHECK(w.all() == strings{"1 none"});
  pool.withdraw(1);
  CAF_CHECK(asked.all().empty());
}

CAF_TEST(the end asks nobody any more) {
  words w;
  heard<int> asked;
  {
    decider_pool pool{answering([&](const policy_request& request) {
                        asked.add(1);
                        happening cancelled;
                        std::stop_callback told{request.cancelled, [&] { cancelled.happen(); }};
                        (void)cancelled.wait();
                        return network_decision::allow();
                      }),
                      {},
                      1};
    for (uint64_t i = 1; i <= 100; ++i)
      w.ask(pool, i);
    CAF_REQUIRE(asked.wait(1));
  }
  CAF_CHECK(asked.all().size() == 1);
  CAF_CHECK(w.all().empty());
}

CAF_TEST(a decider that does not return is left behind) {
  auto call = std::make_shared<long_call>();
  auto began = std::chrono::steady_clock::now();
  words w;
  {
    decider_pool pool{long_call::of(call), {}, 1};
    w.ask(pool, 1);
    CAF_REQUIRE(call->begun.wait());
    pool.end(soon());
  }
  CAF_CHECK(std::chrono::steady_clock::now() - began < callback_pool::end_patience);
  call->let_go.happen();
  CAF_CHECK(call->over.wait()); // its reply falls on nothing
  CAF_CHECK(w.all().empty());
}

CAF_TEST(whoever does not return from the news of a withdrawal is left behind too) {
  struct shared {
    happening hears, let_go, over;
  };
  auto all = std::make_shared<shared>();
  auto began = std::chrono::steady_clock::now();
  words w;
  {
    decider_pool pool{[all](const policy_request& request, const decision_reply&) {
                        std::stop_callback told{request.cancelled, [all] {
                                                  all->hears.happen();
                                                  (void)all->let_go.wait();
                                                  all->over.happen();
                                                }};
                        (void)all->hears.wait();
                      }, // the callback's end waits for it
                      {},
                      1};
    w.ask(pool, 1);
    pool.end(soon());
  }
  CAF_CHECK(std::chrono::steady_clock::now() - began < callback_pool::end_patience);
  all->let_go.happen();
  CAF_CHECK(w.all().empty());
}

CAF_TEST(a decider may end its own pool) {
  words w;
  heard<int> ended;
  std::unique_ptr<decider_pool> pool;
  pool = std::make_unique<decider_pool>(answering([&](const policy_request&) {
                                          pool->end(late());
                                          ended.add(1);
                                          return network_decision::allow();
                                        }),
                                        codex::connection_attributes{}, 2);
  w.ask(*pool, 1);
  CAF_CHECK(ended.wait(1));
  CAF_CHECK(w.all().empty());
}

CAF_TEST(without threads there is one) {
  words w;
  decider_pool pool{
    answering([](const policy_request&) { return network_decision::allow(); }), {}, 0};
  w.ask(pool, 1);
  CAF_CHECK(w.wait(1));
}
