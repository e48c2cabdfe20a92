#define CAF_SUITE actors.serve.decide.decide
#include "actors/serve/decide/decider.hpp" // unit under test, as flows meet it

#include <deque>

#include "tests/actors/rules_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Questions that wait for the test's word.
struct asked {
  open_question what;
  caf::typed_response_promise<decider_word> answer;
};
using asked_list = std::shared_ptr<std::deque<asked>>;

decider_actor::behavior_type scripted_decider(pinned_actor<decider_actor>* self,
                                              const asked_list& into) {
  return {[self, into](atom::decide, const open_question& what) {
            auto answer = self->make_response_promise<decider_word>();
            into->push_back({what, answer});
            return answer;
          },
          [](atom::withdraw, uint64_t) {}};
}

struct fixture : rules_fixture {
  fixture() {
    process->decider = spawn_pinned(loop, scripted_decider, questions);
    ask_about_all("");
  }
  ~fixture() {
    questions->clear();
    process->decider = nullptr;
  }

  /// Installs a policy that asks about everything that it does not list.
  void ask_about_all(const std::string& lines) {
    auto out = compiled("enabled = true\nallow_local_binding = true\n" + lines);
    auto next = std::make_shared<snapshot>(*out.next);
    auto rules = std::make_shared<policy::rules>(*next->rules);
    rules->asks_unlisted = true;
    next->rules = std::move(rules);
    (void)answer<uint64_t>(atom::install_v, snapshot_ptr{std::move(next)}, out.listeners);
  }

  far_end requesting(const std::string& method = "GET") {
    auto c = client();
    auto target = method == "CONNECT" ? origin.authority() : "http://" + origin.authority() + "/x";
    c.send(method + ' ' + target + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\n\r\n");
    return c;
  }
  /// A client that waits for the decider's word.
  far_end held(const std::string& method = "GET") {
    auto c = requesting(method);
    CAF_REQUIRE(run_until([&] { return questions->size() == 1; }));
    CAF_CHECK(c.heard().empty());
    return c;
  }

  void say(decider_word word) {
    questions->front().answer.deliver(std::move(word));
    questions->clear();
  }
  static decider_word yes() { return {policy::decision::allow, {}}; }

  bool reaches_origin() {
    return run_until([&] { return (far = origin.accept()).fd >= 0; });
  }
  bool gets_nowhere() {
    settle();
    return origin.accept().fd < 0;
  }

  asked_list questions = std::make_shared<std::deque<asked>>();
};

void request_limits_of_post(policy::rule& of) {
  policy::request_limits limits;
  limits.methods = {"POST"};
  of.request = std::make_shared<const policy::request_limits>(std::move(limits));
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(decide_tests, fixture)

CAF_TEST(a request that is asked about goes on when the word comes) {
  auto c = held();
  const auto& what = questions->front().what;
  CAF_CHECK_EQUAL(what.to.host.text(), "127.0.0.1");
  CAF_CHECK_EQUAL(what.to.port, origin.port());
  CAF_CHECK_EQUAL(what.to.method, "GET");
  CAF_CHECK_EQUAL(what.client.substr(0, 10), "127.0.0.1:");
  CAF_CHECK(gets_nowhere()); // the word is late
  say(yes());
  CAF_REQUIRE(reaches_origin());
  CAF_CHECK(hears(far, "GET /x HTTP/1.1\r\n"));
  far.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CAF_CHECK(hears(c, "\r\n\r\nok"));
  CAF_CHECK_EQUAL(refusal(), "");
}

CAF_TEST(a tunnel that is asked about goes on when the word comes) {
  auto c = held("CONNECT");
  CAF_CHECK(gets_nowhere());
  say(yes());
  CAF_REQUIRE(reaches_origin());
  CAF_CHECK(hears(c, "200 Connection established\r\n\r\n"));
  c.send("ping");
  CAF_CHECK(hears(far, "ping"));
}

CAF_TEST(a word against it is the refusal) {
  struct row {
    decider_word word;
    std::string refusal;
  };
  for (auto& [word, told] : std::initializer_list<row>{
         {{policy::decision::deny, "not today"}, "not today, decider, deny"},
         {{policy::decision::deny, ""}, "policy_denied, decider, deny"},
         {{policy::decision::ask, "ask the owner"}, "ask the owner, decider, ask"},
       }) {
    CAF_MESSAGE(told);
    auto c = held();
    say(word);
    CAF_CHECK(hears(c, " 403 "));
    CAF_CHECK_EQUAL(refusal(), told);
    CAF_CHECK(gets_nowhere());
  }
}

CAF_TEST(what is never answered is refused in the end) {
  ask_about_all("[network_proxy.decider]\ntimeout = \"20ms\"\n");
  auto c = requesting();
  CAF_CHECK(hears(c, " 403 "));
  CAF_CHECK_EQUAL(refusal(), "decider_timeout, decider, deny");
  CAF_REQUIRE_EQUAL(questions->size(), 1u);
  say(yes()); // too late: it falls on nothing
  CAF_CHECK(gets_nowhere());
}

CAF_TEST(a decider that has ended lets nothing pass) {
  caf::anon_send_exit(process->decider, caf::exit_reason::kill);
  settle();
  auto c = requesting();
  CAF_CHECK(hears(c, " 403 "));
  CAF_CHECK_EQUAL(refusal(), "decider_failed, decider, deny");
}

CAF_TEST(without a decider nothing waits) {
  process->decider = nullptr;
  auto c = requesting();
  CAF_CHECK(hears(c, " 403 "));
  CAF_CHECK_EQUAL(refusal(), "not_allowed, baseline_policy, deny");
}

CAF_TEST(a word that comes after a reload counts under the new policy) {
  {
    CAF_MESSAGE("which denies");
    auto c = held();
    ask_about_all("denied_domains = [\"127.0.0.1\"]\n");
    say(yes());
    CAF_CHECK(hears(c, " 403 "));
    CAF_CHECK_EQUAL(refusal(), "denied, baseline_policy, deny");
    CAF_CHECK(gets_nowhere());
    ask_about_all("");
  }
  {
    CAF_MESSAGE("which lists it, whatever the word");
    auto c = held();
    ask_about_all("allowed_domains = [\"" + origin.authority() + "\"]\n");
    say({policy::decision::deny, "no"});
    CAF_REQUIRE(reaches_origin());
    CAF_CHECK(hears(far, "GET /x HTTP/1.1\r\n"));
    ask_about_all("");
  }
  {
    CAF_MESSAGE("which asks nobody any more");
    auto c = held();
    (void)install("enabled = true\nallow_local_binding = true\n");
    say(yes());
    CAF_REQUIRE(reaches_origin()); // the word stands, as with what a decider admitted before
    ask_about_all("");
  }
}

CAF_TEST(a word on a tunnel holds for the requests inside until a rule asks about them) {
  auto asks = rule_for(policy::action::ask, "127.0.0.1");
  request_limits_of_post(asks);
  auto ask_about_requests = [&](policy::rules& rules) {
    rules.asks_unlisted = true;
    rules.mitm = true; // plain HTTP inside needs no CA
  };
  (void)install_rules("allow_local_binding = true\n", {asks}, ask_about_requests);
  auto c = requesting("CONNECT");
  CAF_REQUIRE(run_until([&] { return questions->size() == 1; }));
  CAF_CHECK_EQUAL(questions->front().what.to.method, "CONNECT");
  say(yes());
  CAF_REQUIRE(hears(c, "200 Connection established\r\n\r\n"));
  auto inside = [&](std::string_view method) {
    c.send(std::string{method} + " /y HTTP/1.1\r\nHost: " + origin.authority() +
           "\r\nContent-Length: 0\r\n\r\n");
  };
  inside("GET");
  CAF_REQUIRE(reaches_origin());
  CAF_CHECK(hears(far, "GET /y HTTP/1.1\r\n"));
  CAF_CHECK(questions->empty());
  far.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CAF_REQUIRE(hears(c, "\r\n\r\nok"));
  inside("POST");
  CAF_REQUIRE(run_until([&] { return questions->size() == 1; }));
  CAF_CHECK_EQUAL(questions->front().what.to.method, "POST");
  say({policy::decision::deny, "not that"});
  CAF_CHECK(hears(c, " 403 "));
  CAF_CHECK_EQUAL(refusal(), "not that, decider, deny");
}

CAF_TEST(a client that leaves takes its question along) {
  {
    auto c = held();
    linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard); // a FIN may be a half-close
  }
  settle();
  say(yes());
  CAF_CHECK(gets_nowhere());
}

CAF_TEST_FIXTURE_SCOPE_END()
