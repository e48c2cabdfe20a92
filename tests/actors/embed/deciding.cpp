#define CAF_SUITE actors.embed.deciding
// unit under test: include/codex/network_proxy.hpp, its deciders

#include "tests/actors/embed/program.hpp"

#include <sys/resource.h>

#include <atomic>
#include <future>
#include <list>
#include <stdexcept>
#include <thread>

using namespace proxy::test;
using namespace std::chrono_literals;
using codex::decision_reply;
using codex::network_decision;
using codex::network_protocol;
using codex::policy_request;

namespace {

/// A SOCKS5 client's greeting and request for a host by name. @returns the reply's code; -1: none.
int socks_reply(const std::string& proxy_address, const std::string& host, uint16_t port) {
  auto client = connect_to(proxy_address);
  std::string request{"\x05\x01\x00\x05\x01\x00\x03", 7};
  request += static_cast<char>(host.size());
  request += host;
  request += static_cast<char>(port >> 8);
  request += static_cast<char>(port & 0xff);
  (void)client.send(request);
  auto answer = client.rest(); // two bytes answer the greeting, then there are VER and REP
  return answer.size() < 4 ? -1 : static_cast<unsigned char>(answer[3]);
}

/// A tunnel asked for, and not read from yet.
peer asking(const std::string& proxy_address, const std::string& authority) {
  auto client = connect_to(proxy_address);
  (void)client.send("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
  return client;
}

/// Holds calls up until it is opened.
class gate {
public:
  void open() {
    if (!open_.test_and_set())
      opened_.set_value();
  }
  void wait() const { (void)waits_.wait_for(patience); }

private:
  std::promise<void> opened_;
  std::shared_future<void> waits_ = opened_.get_future().share();
  std::atomic_flag open_;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(deciding_tests, program)

CAF_TEST(a decider is told what is asked for) { // la-protocol-names
  heard<policy_request> asked;
  auto wanted = wanting();
  wanted
    .attributes(
      {.command = "curl x", .exec_policy_hint = "hint", .more = {{"environment", "remote"}}})
    .policy_decider([&](const policy_request& what) {
      asked.add(what);
      return network_decision::deny();
    });
  auto proxy = running(wanted);
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), "Plain.Test:8080", "POST"), "403");
  CAF_CHECK_EQUAL(status_of_connect(proxy.http_addr(), "tunnel.test:443"), "403");
  CAF_CHECK_EQUAL(socks_reply(proxy.socks_addr(), "socks.test", 22), 2);
  auto all = asked.await(3);
  CAF_REQUIRE_EQUAL(all.size(), 3u);
  struct row {
    network_protocol protocol;
    const char *name, *host;
    uint16_t port;
    const char* method;
  };
  const row rows[] = {
    {network_protocol::http, "http", "plain.test", 8080, "POST"},
    {network_protocol::https_connect, "https_connect", "tunnel.test", 443, "CONNECT"},
    {network_protocol::socks5_tcp, "socks5_tcp", "socks.test", 22, ""}};
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& [protocol, name, host, port, method] = rows[i];
    CAF_MESSAGE(name);
    const auto& one = all[i];
    CAF_CHECK(one.protocol == protocol);
    CAF_CHECK_EQUAL(to_string(one.protocol), name);
    CAF_CHECK_EQUAL(one.host, host);
    CAF_CHECK_EQUAL(one.port, port);
    CAF_CHECK_EQUAL(one.method, method);
    CAF_CHECK(one.client_address.starts_with("127.0.0.1:"));
    CAF_CHECK_EQUAL(one.client, "");
    CAF_CHECK_EQUAL(one.command, "curl x");
    CAF_CHECK_EQUAL(one.exec_policy_hint, "hint");
    CAF_CHECK_EQUAL(one.attributes.at("environment"), "remote");
  }
  CAF_CHECK_EQUAL(to_string(network_protocol::socks5_udp), "socks5_udp");
}

CAF_TEST(a client cannot say what the program says) { // la-scope-forged-ids
  heard<policy_request> asked;
  auto wanted = wanting();
  wanted.attributes({.more = {{"environment", "remote"}}}).policy_decider([&](const auto& what) {
    asked.add(what);
    return network_decision::deny();
  });
  auto proxy = running(wanted);
  auto client = connect_to(proxy.http_addr());
  CAF_CHECK(client.send("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nenvironment: forged\r\n"
                        "Connection: close\r\n\r\n"));
  CAF_CHECK_EQUAL(status_in(client.rest()), "403");
  auto told = asked.await(1);
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0].attributes.at("environment"), "remote");
}

CAF_TEST(its word decides and the client and the program are told) {
  struct row {
    const char* name;
    network_decision word;
    std::string status;
    std::string reason, decision;
  };
  const row rows[] = {
    {"allow", network_decision::allow(), "502", "", ""},
    {"deny", network_decision::deny("not on a Friday"), "403", "not on a Friday", "deny"},
    {"la-empty-reason", network_decision::deny(), "403", "policy_denied", "deny"},
    {"la-ask", network_decision::ask("not_allowed"), "403", "not_allowed", "ask"},
  };
  for (const auto& [name, word, status, reason, decision] : rows) {
    CAF_MESSAGE(name);
    heard<codex::blocked_request> refused;
    auto wanted = wanting();
    wanted.policy_decider([word = word](const auto&) { return word; })
      .blocked_request_observer([&](const auto& what) { refused.add(what); });
    auto proxy = running(wanted);
    auto answer = get(proxy.http_addr(), nobody());
    CAF_CHECK_EQUAL(status_in(answer), status);
    CAF_CHECK(contains(answer, reason));
    if (reason.empty())
      continue;
    auto told = refused.await(1);
    CAF_REQUIRE_EQUAL(told.size(), 1u);
    CAF_CHECK_EQUAL(told[0].reason, reason);
    CAF_CHECK_EQUAL(told[0].decision, decision);
    CAF_CHECK_EQUAL(told[0].source, "decider"); // la-source-overwritten: it cannot say another
  }
}

CAF_TEST(it may answer by a value or a future or a reply) {
  std::list<std::jthread> helpers;
  std::mutex lock;
  const std::pair<const char*, std::function<void(codex::network_proxy::builder&)>> forms[] = {
    {"value",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) { return network_decision::allow(); });
     }},
    {"future",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) {
         return std::async(std::launch::async, [] { return network_decision::allow(); });
       });
     }},
    {"deferred",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) {
         return std::async(std::launch::deferred, [] { return network_decision::allow(); });
       });
     }},
    {"reply",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&, const decision_reply& reply) {
         reply(network_decision::allow());
       });
     }},
    {"reply from another thread",
     [&](auto& wanted) {
       wanted.policy_decider([&](const policy_request&, decision_reply reply) {
         std::lock_guard guard{lock};
         helpers.emplace_back([reply = std::move(reply)] { reply(network_decision::allow()); });
       });
     }},
  };
  for (const auto& [name, form] : forms) {
    CAF_MESSAGE(name);
    auto wanted = wanting();
    form(wanted);
    auto proxy = running(wanted);
    for (auto i = 0; i < 3; ++i)
      CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), "502");
  }
}

CAF_TEST(one that fails to answer refuses at once) {
  const std::pair<const char*, std::function<void(codex::network_proxy::builder&)>> forms[] = {
    {"throws",
     [](auto& wanted) {
       wanted.policy_decider(
         [](const policy_request&) -> network_decision { throw std::runtime_error{"no"}; });
     }},
    {"throws what is no exception",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) -> network_decision { throw 1; });
     }},
    {"a future that throws",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) {
         return std::async(std::launch::async,
                           []() -> network_decision { throw std::runtime_error{"no"}; });
       });
     }},
    {"an empty future",
     [](auto& wanted) {
       wanted.policy_decider([](const policy_request&) { return std::future<network_decision>{}; });
     }},
    {"lets go of the reply",
     [](auto& wanted) { wanted.policy_decider([](const policy_request&, decision_reply) {}); }},
  };
  for (const auto& [name, form] : forms) {
    CAF_MESSAGE(name);
    auto wanted = wanting();
    form(wanted);
    auto proxy = running(wanted);
    auto answer = get(proxy.http_addr(), nobody());
    CAF_CHECK_EQUAL(status_in(answer), "403");
    CAF_CHECK(contains(answer, "decider_failed"));
  }
}

CAF_TEST(one that never answers holds up nobody else and is told that its time is over) {
  struct shared {
    gate over;
    heard<std::string> asked, cancelled;
  };
  auto all = std::make_shared<shared>(); // outlives the call that the proxy leaves behind
  auto wanted = wanting({"127.0.0.1"});
  wanted.set(R"(network_proxy.decider.timeout="200ms")")
    .policy_decider([all](const policy_request& what) {
      all->asked.add(what.host);
      std::stop_callback told{what.cancelled, [&] { all->cancelled.add(what.host); }};
      all->over.wait();
      return network_decision::allow();
    });
  std::chrono::steady_clock::duration took{};
  {
    auto proxy = running(wanted);
    auto waiting = asking(proxy.http_addr(), "slow.test:443");
    CAF_REQUIRE_EQUAL(all->asked.await(1).size(), 1u);
    for (auto i = 0; i < 10; ++i)
      CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), "502");
    auto answer = waiting.read_until("\r\n\r\n");
    CAF_CHECK_EQUAL(status_in(answer), "403");
    CAF_CHECK(contains(answer, "decider_timeout"));
    CAF_CHECK_EQUAL(all->cancelled.await(1).size(), 1u);
    auto began = std::chrono::steady_clock::now();
    { auto gone = std::move(proxy); }
    took = std::chrono::steady_clock::now() - began;
  }
  CAF_CHECK(took > 4s); // its patience with the call
  CAF_CHECK(took < 20s);
  all->over.open();
}

CAF_TEST(the first answer counts) {
  auto wanted = wanting();
  wanted.policy_decider([](const policy_request&, const decision_reply& reply) {
    auto copy = reply;
    copy(network_decision::deny("first"));
    reply(network_decision::allow());
    copy(network_decision::deny("third"));
  });
  auto proxy = running(wanted);
  auto answer = get(proxy.http_addr(), nobody());
  CAF_CHECK_EQUAL(status_in(answer), "403");
  CAF_CHECK(contains(answer, "first"));
}

CAF_TEST(an answer that comes when the proxy has gone falls on nothing) {
  heard<decision_reply> replies;
  heard<std::stop_token> tokens;
  auto wanted = wanting();
  wanted.policy_decider([&](const policy_request& what, decision_reply reply) {
    tokens.add(what.cancelled);
    replies.add(std::move(reply));
  });
  {
    auto proxy = running(wanted);
    auto client = asking(proxy.http_addr(), "a.test:443");
    CAF_REQUIRE_EQUAL(replies.await(1).size(), 1u);
  }
  CAF_CHECK(tokens.all()[0].stop_requested());
  for (const auto& reply : replies.all())
    reply(network_decision::allow());
}

CAF_TEST(what the rules settle is not asked) { // la-decider-skipped-denied
  heard<std::string> asked;
  auto wanted = wanting();
  wanted
    .config({.mode = codex::network_mode::limited,
             .allowed_domains = {"127.0.0.1"},
             .denied_domains = {"blocked.test"},
             .allow_local_binding = true})
    .policy_decider([&](const policy_request& what) {
      asked.add(what.host);
      return network_decision::allow();
    });
  auto proxy = running(wanted);
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), "blocked.test"), "403");
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), "502");
  CAF_CHECK(asked.all().empty());
  auto refused = proxy.blocked();
  CAF_REQUIRE(refused);
  CAF_REQUIRE_EQUAL(refused->newest.size(), 1u);
  CAF_CHECK_EQUAL(refused->newest[0].reason, "denied");
  CAF_CHECK_EQUAL(refused->newest[0].source, "baseline_policy");
}

CAF_TEST(its permission still meets the protection of this machine) {
  auto wanted = wanting();
  wanted.config({.allow_local_binding = false}).policy_decider([](const policy_request&) {
    return network_decision::allow();
  });
  auto proxy = running(wanted);
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), "403");
}

CAF_TEST(a client that leaves cancels its question) {
  heard<decision_reply> replies;
  heard<std::string> cancelled;
  std::list<std::stop_callback<std::function<void()>>> watches;
  auto wanted = wanting();
  wanted.decider_threads(1).policy_decider([&](const policy_request& what, decision_reply reply) {
    watches.emplace_back(what.cancelled, [&, host = what.host] { cancelled.add(host); });
    replies.add(std::move(reply));
  });
  auto proxy = running(wanted);
  auto leaves = asking(proxy.http_addr(), "leaves.test:443");
  CAF_REQUIRE_EQUAL(replies.await(1).size(), 1u);
  auto stays = asking(proxy.http_addr(), "stays.test:443");
  CAF_REQUIRE_EQUAL(replies.await(2).size(), 2u);
  leaves.reset();
  const std::vector<std::string> expected{"leaves.test"};
  auto told = cancelled.await(1);
  CAF_CHECK_EQUAL(told, expected);
  auto all = replies.all();
  all[0](network_decision::allow());
  all[1](network_decision::deny("word"));
  CAF_CHECK(contains(stays.read_until("\r\n\r\n"), "word"));
  CAF_CHECK_EQUAL(cancelled.all().size(), 1u);
}

CAF_TEST(thousands of questions wait while others are served) {
  constexpr size_t many = 2'000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 3 * many)
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 3 * many);
  ::setrlimit(RLIMIT_NOFILE, &files);
  heard<decision_reply> replies;
  auto wanted = wanting({"127.0.0.1"});
  wanted.decider_threads(2)
    .set("network_proxy.limits.max_connections=5000")
    .set("network_proxy.limits.max_connections_per_client=5000")
    .policy_decider(
      [&](const policy_request&, decision_reply reply) { replies.add(std::move(reply)); });
  auto proxy = running(wanted);
  std::vector<peer> clients;
  for (size_t i = 0; i < many; ++i)
    clients.push_back(asking(proxy.http_addr(), "h" + std::to_string(i) + ".test:443"));
  CAF_REQUIRE_EQUAL(replies.await(many).size(), many);
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), "502");
  for (const auto& reply : replies.all())
    reply(network_decision::deny());
  size_t answered = 0;
  for (const auto& client : clients)
    answered += status_in(client.read_until("\r\n\r\n")) == "403" ? 1 : 0;
  CAF_CHECK_EQUAL(answered, many);
  CAF_CHECK(proxy.blocked()->total == many);
}

CAF_TEST_FIXTURE_SCOPE_END()
