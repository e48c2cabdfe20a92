#define CAF_SUITE actors.embed.endings
// unit under test: include/codex/network_proxy.hpp, how a proxy ends and what it leaves behind

#include "actors/embed/callback_pool.hpp"
#include "actors/loop/system/platform.hpp"
#include "tests/actors/embed/in_a_child.hpp"
#include "tests/actors/embed/program.hpp"

#include <sys/resource.h>

#include <csignal>
#include <future>
#include <optional>
#include <thread>

using namespace proxy::test;
using namespace std::chrono_literals;
using codex::error_code;
using codex::network_decision;
using codex::network_proxy;
using codex::policy_request;

namespace {

size_t open_descriptors() {
  size_t out = 0;
  for (auto fd = 0; fd < 4096; ++fd)
    out += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return out;
}

/// What this process has of the system.
struct possessions {
  size_t threads = proxy::platform::current_threads();
  size_t descriptors = open_descriptors();
};

/// A thread that has ended is counted for a moment yet: waits until there are no more than before.
/// @returns what there is more of; "" for nothing.
std::string left_behind(const possessions& before) {
  auto deadline = std::chrono::steady_clock::now() + 10s;
  possessions now;
  while (now.threads > before.threads && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
    now = {};
  }
  auto more = [](const char* what, size_t was, size_t is) {
    return is > was ? std::to_string(is - was) + ' ' + what + ' ' : std::string{};
  };
  return more("threads", before.threads, now.threads) +
         more("descriptors", before.descriptors, now.descriptors);
}

std::chrono::steady_clock::duration time_of(const std::function<void()>& what) {
  auto began = std::chrono::steady_clock::now();
  what();
  return std::chrono::steady_clock::now() - began;
}

/// Less than any patience of a proxy's end, as near as may be.
constexpr auto soon = proxy::embed::callback_pool::end_patience - 100ms;

} // namespace

CAF_TEST_FIXTURE_SCOPE(ending_tests, program)

CAF_TEST(it may go at any moment and leaves nothing behind) {
  auto wanted = wanting({"127.0.0.1"});
  { auto warm = running(wanted); } // what libraries keep for the process, they have now
  listening origin;
  const std::pair<const char*, std::function<void()>> moments[] = {
    {"built", [&] { auto made = built(wanted); }},
    {"run", [&] { auto proxy = running(wanted); }},
    {"run and replaced",
     [&] {
       auto proxy = running(wanted);
       proxy = running(wanted);
     }},
    {"with clients",
     [&] {
       auto proxy = std::optional{running(wanted)};
       auto idle = connect_to(proxy->http_addr());
       auto [tunnel, status] = open_tunnel(proxy->http_addr(), origin.address());
       CAF_CHECK_EQUAL(status_in(status), "200");
       auto upstream = origin.accept();
       proxy.reset();
       CAF_CHECK_EQUAL(idle.rest(), "");
       CAF_CHECK_EQUAL(tunnel.rest(), "");
       CAF_CHECK_EQUAL(upstream.rest(), "");
     }},
  };
  for (const auto& [name, moment] : moments) {
    CAF_MESSAGE(name);
    possessions before;
    moment();
    CAF_CHECK_EQUAL(left_behind(before), "");
  }
}

CAF_TEST(what is called while it ends is answered) {
  auto wanted = wanting({"127.0.0.1"});
  for (auto i = 0; i < 5; ++i) {
    auto proxy = running(wanted);
    std::promise<void> began;
    auto changes = std::async(std::launch::async, [&] {
      began.set_value();
      auto refused = codex::error{};
      for (;;) {
        (void)proxy.blocked();
        (void)proxy.explain("http://a.test/");
        (void)proxy.http_addr();
        if (auto change = proxy.reload(); !change) {
          refused = change.error();
          break;
        }
      }
      return refused.code;
    });
    began.get_future().wait();
    CAF_CHECK(proxy.shutdown(0ms));
    CAF_CHECK(changes.get() == error_code::not_running);
  }
}

CAF_TEST(it may be ended by what it calls) {
  possessions before;
  const std::pair<const char*, std::function<void(network_proxy::builder&, std::function<void()>)>>
    callers[] = {
      {"decider",
       [](auto& wanted, auto end) {
         wanted.policy_decider([end](const policy_request&) {
           end();
           return network_decision::deny();
         });
       }},
      {"observer",
       [](auto& wanted, auto end) {
         wanted.blocked_request_observer([end](const auto&) { end(); });
       }},
      {"audit sink",
       [](auto& wanted, auto end) { wanted.audit_sink([end](std::string_view) { end(); }); }},
    };
  for (const auto& [name, caller] : callers) {
    CAF_MESSAGE(name);
    auto proxy = std::make_shared<std::optional<network_proxy::handle>>();
    std::promise<void> known, ended;
    auto wanted = wanting();
    caller(wanted, [&, told = known.get_future().share()] {
      told.wait();
      proxy->reset();
      ended.set_value();
    });
    proxy->emplace(running(wanted));
    auto client = connect_to((*proxy)->http_addr());
    CAF_CHECK(client.send("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"));
    CAF_CHECK(time_of([&] {
                known.set_value();
                ended.get_future().wait();
              }) < soon);
    (void)client.rest();
  }
  CAF_CHECK_EQUAL(left_behind(before), "");
}

CAF_TEST(two threads may shut it down and both hear that it is over) {
  auto wanted = wanting();
  auto proxy = running(wanted);
  auto shut_down = [&] { return proxy.shutdown(1min); };
  auto one = std::async(std::launch::async, shut_down);
  auto other = std::async(std::launch::async, shut_down);
  for (auto* each : {&one, &other}) {
    auto drained = each->get();
    if (drained)
      CAF_CHECK(*drained);
    else // it came when the first had ended it
      CAF_CHECK(drained.error().code == error_code::not_running);
  }
  auto third = proxy.shutdown(1min);
  CAF_REQUIRE(!third);
  CAF_CHECK(third.error().code == error_code::not_running);
}

CAF_TEST(a shutdown lets what is under way end and a less patient one does not ) {
  auto wanted = wanting({"127.0.0.1"});
  listening origin;
  auto proxy = running(wanted);
  auto address = proxy.http_addr();
  auto [client, status] = open_tunnel(address, origin.address());
  auto upstream = origin.accept();
  auto patient = std::async(std::launch::async, [&] { return proxy.shutdown(10min); });
  while (connect_to(address))
    std::this_thread::yield();
  CAF_CHECK(client.send("still here"));
  client.finish();
  CAF_CHECK_EQUAL(upstream.rest(), "still here");
  upstream.close();
  CAF_CHECK_EQUAL(client.rest(), "");
  auto drained = patient.get();
  CAF_REQUIRE(drained);
  CAF_CHECK(*drained);

  auto again = running(wanted);
  address = again.http_addr();
  auto [cut, opened] = open_tunnel(address, origin.address());
  CAF_CHECK_EQUAL(status_in(opened), "200");
  auto waiting = std::async(std::launch::async, [&] { return again.shutdown(10min); });
  while (connect_to(address))
    std::this_thread::yield();
  auto impatient = again.shutdown(1ms);
  for (const auto& each : {impatient, waiting.get()}) {
    CAF_REQUIRE(each);
    CAF_CHECK(!*each);
  }
  CAF_CHECK_EQUAL(cut.rest(), "");
}

CAF_TEST(whoever waits hears of its end when nobody is let in any more) {
  auto wanted = wanting();
  auto proxy = std::optional{running(wanted)};
  auto address = proxy->http_addr();
  std::promise<void> began;
  auto waiting = std::async(std::launch::async, [&] {
    began.set_value();
    auto ended = proxy->wait();
    return std::pair{static_cast<bool>(ended), static_cast<bool>(connect_to(address))};
  });
  began.get_future().wait();
  CAF_CHECK(waiting.wait_for(10ms) == std::future_status::timeout);
  CAF_CHECK(proxy->shutdown(1min));
  auto [ended, let_in] = waiting.get();
  CAF_CHECK(ended);
  CAF_CHECK(!let_in);
  CAF_CHECK(proxy->wait()); // says so again
}

CAF_TEST(one that cannot be built leaves nothing behind) {
  listening taken;
  const std::tuple<const char*, std::function<void(network_proxy::builder&)>, error_code> rows[] = {
    {"port in use",
     [&](auto& wanted) { wanted.managed_by_codex(false).http_addr(taken.address()); },
     error_code::cannot_bind},
    {"no such key", [](auto& wanted) { wanted.set("nonsense=1"); }, error_code::invalid_config},
    {"no TOML", [](auto& wanted) { wanted.config({.toml = "nonsense = [\n"}); },
     error_code::invalid_config},
    {"no such file", [](auto& wanted) { wanted.config_file("/nowhere/at.all"); },
     error_code::invalid_config},
    {"no address", [](auto& wanted) { wanted.managed_by_codex(false).http_addr("somewhere"); },
     error_code::invalid_config},
    {"no pattern", [](auto& wanted) { wanted.config({.allowed_domains = {"a b"}}); },
     error_code::invalid_config},
  };
  possessions before;
  for (const auto& [name, ruin, code] : rows) {
    CAF_MESSAGE(name);
    auto wanted = wanting();
    wanted.socks_addr("127.0.0.1:0");
    ruin(wanted);
    auto made = wanted.build();
    CAF_REQUIRE(!made);
    CAF_CHECK(made.error().code == code);
    CAF_CHECK(!made.error().message.empty());
    CAF_CHECK(!made.error().problems.empty());
    CAF_CHECK_EQUAL(left_behind(before), "");
  }
}

CAF_TEST(starts and ends leave nothing behind) {
  auto wanted = wanting({"127.0.0.1"});
  wanted.log_sink([](std::string_view) {})
    .blocked_request_observer([](const auto&) {})
    .policy_decider([](const policy_request&) { return network_decision::deny(); });
  auto serve_once = [&] {
    auto proxy = running(wanted);
    CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), "refused.test"), "403");
  };
  serve_once();
  possessions before;
  for (auto i = 0; i < 50; ++i)
    serve_once();
  CAF_CHECK_EQUAL(left_behind(before), "");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(with no descriptor left it says so and leaves nothing behind) {
  auto told = in_a_child([](int to) {
    program home;
    auto wanted = home.wanting();
    { auto warm = program::running(wanted); }
    possessions before;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    auto started = false;
    // From none at all, up to as many as it needs.
    for (rlim_t spare = 0; spare < 200 && !started; ++spare) {
      files.rlim_cur = before.descriptors + spare;
      ::setrlimit(RLIMIT_NOFILE, &files);
      auto made = wanted.build();
      auto why = made ? codex::error{} : made.error();
      if (made) {
        auto proxy = made->run();
        started = static_cast<bool>(proxy);
        if (!started)
          why = proxy.error();
      }
      if (!started && why.message.empty())
        tell(to, "no reason ");
    }
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    tell(to, started ? "started at last, left behind: " : "never started ");
    tell(to, left_behind(before));
  });
  CAF_CHECK_EQUAL(told, "started at last, left behind: ");
}

CAF_TEST(a client that closes early raises no signal) {
  auto told = in_a_child([](int to) {
    ::signal(SIGPIPE, SIG_DFL);
    program home;
    auto wanted = home.wanting({"127.0.0.1"});
    auto proxy = program::running(wanted);
    listening origin;
    for (auto i = 0; i < 20; ++i) {
      auto [client, status] = open_tunnel(proxy.http_addr(), origin.address());
      auto upstream = origin.accept();
      client.close();
      (void)::signal(SIGPIPE, SIG_IGN); // of what the test itself writes
      for (auto sent = true; sent;)
        sent = upstream.send(std::string(100'000, 'x'));
      (void)::signal(SIGPIPE, SIG_DFL);
      (void)connect_to(proxy.http_addr()).send("GET http://refused.test/ HTTP/1.1\r\n\r\n");
    }
    tell(to, status_of_get(proxy.http_addr(), nobody()));
  });
  CAF_CHECK_EQUAL(told, "502");
}

CAF_TEST(signals are for the threads of the program alone) {
  auto told = in_a_child([](int to) {
    program home;
    auto wanted = home.wanting({"127.0.0.1"});
    wanted.log_sink([](std::string_view) {}).blocked_request_observer([](const auto&) {});
    auto proxy = program::running(wanted);
    if (status_of_get(proxy.http_addr(), "refused.test") != "403")
      tell(to, "not refused ");
    // Where this thread does not take it either, it stays with the process.
    sigset_t mine;
    sigemptyset(&mine);
    for (auto each : {SIGTERM, SIGHUP, SIGINT, SIGUSR1})
      sigaddset(&mine, each);
    ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
    for (auto each : {SIGTERM, SIGHUP, SIGINT, SIGUSR1}) {
      ::kill(::getpid(), each);
      if (status_of_get(proxy.http_addr(), nobody()) != "502")
        tell(to, "not served ");
      int taken = 0;
      ::sigwait(&mine, &taken);
      tell(to, taken == each ? "mine " : "another ");
    }
  });
  CAF_CHECK_EQUAL(told, "mine mine mine mine ");
}

CAF_TEST(a program that is run meanwhile inherits no descriptor and no signal mask) {
  auto told = in_a_child([](int to) {
    possessions before;
    program home;
    auto wanted = home.wanting({"127.0.0.1"});
    wanted.log_sink([](std::string_view) {});
    auto proxy = program::running(wanted);
    listening origin;
    auto tunnel = open_tunnel(proxy.http_addr(), origin.address());
    // It counts its own: three, and the one by which it looks, beside what the test itself left
    // open.
    auto* output = ::popen("ls /dev/fd | wc -l; grep SigBlk /proc/self/status", "r");
    std::string all(1000, '\0');
    all.resize(::fread(all.data(), 1, all.size(), output));
    auto code = ::pclose(output);
    tell(to,
         "code " + std::to_string(code) + (contains(all, "0000000000000000") ? ", no mask" : all));
    auto open = std::stoul(all);
    tell(to, open <= before.descriptors + 1 ? ", nothing" : ", " + all);
    tell(to, ", " + status_of_get(proxy.http_addr(), nobody()));
  });
  CAF_CHECK_EQUAL(told, "code 0, no mask, nothing, 502");
}
