#define CAF_SUITE actors.shutdown
// unit under test: actors/shutdown.cpp

#include "tests/actors/running_proxy.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include <condition_variable>
#include <future>
#include <map>

using namespace proxy;
using namespace proxy::test;
using namespace std::chrono_literals;

namespace {

struct fixture : running_proxy {
  fixture() { configure("allowed_domains = [\"127.0.0.1\"]\n"); }

  /// Who of one proxy can be lost, by name. Holds none of them.
  struct roster {
    std::mutex lock;
    std::condition_variable changed;
    std::map<std::string, caf::actor_addr> all;

    /// The last of them may be heard of when the proxy serves already.
    void lose(const std::string& name) {
      std::unique_lock guard{lock};
      CAF_REQUIRE(changed.wait_for(guard, 60s, [&] { return all.count(name) > 0; }));
      caf::anon_send_exit(all.at(name), caf::exit_reason::kill);
    }
  };
  static abilities telling(const std::shared_ptr<roster>& known) {
    abilities can;
    can.watched = [known](const std::string& name, const caf::strong_actor_ptr& who) {
      std::lock_guard guard{known->lock};
      known->all[name] = caf::actor_cast<caf::actor_addr>(who);
      known->changed.notify_all();
    };
    return can;
  }

  /// Waits until nobody is let in any more.
  static void await_closed(const std::string& address) {
    auto deadline = std::chrono::steady_clock::now() + 60s;
    while (connect_to(address) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    CAF_CHECK(!connect_to(address));
  }

  listening origin;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(shutdown_tests, fixture)

CAF_TEST(with nobody there it is over at once) {
  auto proxy = start();
  auto address = *proxy.http_address();
  CAF_CHECK(proxy.shutdown(10min));
  CAF_CHECK(!connect_to(address));
  CAF_CHECK(proxy.end());
  CAF_CHECK(proxy.end()); // says the same again
  CAF_CHECK(told().empty());
}

CAF_TEST(a tunnel that is open is waited for and no other is let in) {
  auto proxy = start();
  auto address = *proxy.http_address();
  auto [client, status] = open_tunnel(address, origin.address());
  CAF_CHECK(status.starts_with("HTTP/1.1 200 "));
  auto upstream = origin.accept();
  auto drained = std::async(std::launch::async, [&] { return proxy.shutdown(10min); });
  await_closed(address);
  CAF_CHECK(client.send("still here"));
  client.finish();
  CAF_CHECK_EQUAL(upstream.rest(), "still here");
  CAF_CHECK(drained.wait_for(0s) == std::future_status::timeout);
  upstream.close();
  CAF_CHECK_EQUAL(client.rest(), "");
  CAF_CHECK(drained.get());
  CAF_CHECK(told().empty());
}

CAF_TEST(whoever is over the grace is cut off) {
  auto proxy = start();
  auto [client, status] = open_tunnel(*proxy.http_address(), origin.address());
  auto upstream = origin.accept();
  CAF_CHECK(!proxy.shutdown(50ms));
  CAF_CHECK(proxy.end());
  CAF_CHECK_EQUAL(client.rest(), "");
  CAF_CHECK_EQUAL(upstream.rest(), "");
  CAF_CHECK(told().empty());
}

CAF_TEST(who is in a hurry does not wait for the grace) {
  auto proxy = start();
  auto address = *proxy.http_address();
  auto [client, status] = open_tunnel(address, origin.address());
  auto drained = std::async(std::launch::async, [&] { return proxy.shutdown(10min); });
  await_closed(address);
  proxy.end_now();
  CAF_CHECK(!drained.get());
}

CAF_TEST(destruction alone ends everything) {
  std::string address;
  peer client;
  {
    auto proxy = start();
    address = *proxy.http_address();
    client = open_tunnel(address, origin.address()).first;
  }
  CAF_CHECK(!connect_to(address));
  CAF_CHECK_EQUAL(client.rest(), "");
  CAF_CHECK(told().empty());
}

CAF_TEST(changes that come too late are refused) {
  auto proxy = start();
  CAF_CHECK(proxy.shutdown(10min));
  auto outcome = proxy.reload();
  CAF_CHECK(!outcome.report);
  CAF_REQUIRE_EQUAL(outcome.problems.size(), 1u);
  CAF_CHECK_EQUAL(outcome.problems[0].message, "the proxy is shutting down");
}

CAF_TEST(whoever is lost closes everything and its owner is told once) {
  for (const auto* name : {"supervisor", "policy_store", "audit", "ca", "listener_owner",
                           "worker 0", "address_watch"}) {
    CAF_MESSAGE(name);
    running_proxy other;
    other.configure("allowed_domains = [\"127.0.0.1\"]\n");
    auto known = std::make_shared<roster>();
    auto proxy = other.start(telling(known));
    auto address = *proxy.http_address();
    auto client = open_tunnel(address, origin.address()).first;
    known->lose(name);
    CAF_CHECK_EQUAL(client.rest(), "");
    await_closed(address);
    CAF_CHECK(!proxy.shutdown(10min)); // what was lost has not drained
    auto words = other.told();
    CAF_REQUIRE_EQUAL(words.size(), 1u);
    CAF_CHECK(words[0].starts_with(std::string{name} + ": "));
  }
}

CAF_TEST(a configuration that is read for ever holds up its thread alone) {
  auto proxy = start();
  auto file = home.at("config.toml");
  std::filesystem::remove(file);
  CAF_REQUIRE_EQUAL(::mkfifo(file.c_str(), 0600), 0);
  proxy.begin_reload();
  auto writer = ::open(file.c_str(), O_WRONLY); // once it is being read
  CAF_REQUIRE(writer >= 0);
  proxy.end_now(); // else that is waited for
  CAF_CHECK(!proxy.end());
  CAF_CHECK(told().empty());
  ::close(writer); // else destruction would wait for it
}

CAF_TEST_FIXTURE_SCOPE_END()
