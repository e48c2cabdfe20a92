#define CAF_SUITE actors.flows.calls_that_fail
#include "actors/serve/worker/listener.hpp" // unit under test, with all that makes calls on sockets

#include <cerrno>
#include <cstring>

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;
using simulation::call;

namespace {

struct failing : exchange_stage {
  explicit failing(stage_settings with = {}) : exchange_stage(std::move(with)) {
    // From here on the name is known, and nothing is kept for later.
    auto [who, there] = begin(get_it());
    there.say(ok("known", "Connection: close\r\n"));
    CAF_REQUIRE(hears(who, "known"));
    who.close();
    pass(1s);
  }
  /// A client that is accepted already.
  party& accepted() {
    auto& who = client();
    CAF_REQUIRE(serves(who));
    who.forget();
    return who;
  }
  /// Whether a new client is served, by an origin.
  bool goes_on() {
    auto [who, there] = begin(get_it());
    there.say(ok("goes on"));
    return hears(who, "goes on") && failure.empty();
  }
};

} // namespace

CAF_TEST(a connection that cannot be begun is answered and the next one is well) {
  struct row {
    call which;
    int error;
    std::string status;
  };
  for (const auto& [which, error, status] : std::initializer_list<row>{
         {call::open, EMFILE, "503"},
         {call::open, ENFILE, "503"},
         {call::open, ENOBUFS, "503"},
         {call::open, ENOMEM, "503"},
         {call::connect, ENOMEM, "503"},
         {call::connect, ENOBUFS, "503"},
         {call::connect, EADDRNOTAVAIL, "502"},
         {call::connect, ENETUNREACH, "502"},
         {call::connect, ETIMEDOUT, "504"},
         {call::connect, EPERM, "502"}, // a firewall of this machine
       }) {
    CAF_MESSAGE(std::strerror(error));
    failing s;
    auto& client = s.accepted();
    s.here.fail(which, error, 2); // a dial that finds no descriptor makes room and tries again
    client.say(get_it());
    CAF_CHECK(s.hears(client, "HTTP/1.1 " + status + ' '));
    CAF_CHECK(client.hears(std::strerror(error)));
    s.here.fail(which, 0, 0);
    CAF_CHECK(s.serves(client));
    CAF_CHECK(s.goes_on());
  }
}

CAF_TEST(whoever cannot be accepted now is accepted later and the listener goes on) {
  struct row {
    int error;
    size_t times;
    bool waits; ///< Whoever came is still there.
  };
  for (const auto& [error, times, waits] : std::initializer_list<row>{
         {EMFILE, 4, true},
         {ENFILE, 4, true},
         {ENOMEM, 4, true},
         {ENOBUFS, 4, true},
         {ECONNABORTED, 1, false},
         {EPROTO, 1, true},
         {EINTR, 1, true},
       }) {
    CAF_MESSAGE(std::strerror(error));
    failing s;
    s.here.fail(call::accept, error, times);
    auto& client = s.client();
    client.say(get("http://other.test/"));
    CAF_CHECK(waits ? s.hears(client, "HTTP/1.1 403", 1s) : s.is_over(client, 1s));
    CAF_CHECK_EQUAL(s.here.to_fail(call::accept), 0u);
    CAF_CHECK(s.goes_on());
  }
}

CAF_TEST(a write that fails ends what it was for and nothing else) {
  struct row {
    int error;
    size_t after; ///< Calls that are done: the request is the first one, the answer the second.
  };
  for (const auto& [error, after] : std::initializer_list<row>{
         {EPIPE, 0}, {ECONNRESET, 0}, {ENOMEM, 0}, {ENOBUFS, 0}, {EPIPE, 1}, {ENOMEM, 1}}) {
    CAF_MESSAGE(std::strerror(error) << " after " << after);
    // Gathered, the answer counts as taken, so that its upstream is of use to the next one.
    failing s{{.at_once = true}};
    auto& other = s.accepted();
    auto& client = s.accepted();
    s.here.fail(call::write, error, 1, after);
    client.say(get_it());
    if (after == 0) {
      CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
      while (s.is_called(s.at_origin, 100ms)) // it may have been tried twice
        CAF_CHECK(s.is_over(s.accept(s.at_origin), 1s));
    } else {
      auto& origin = s.accept(s.at_origin);
      CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
      origin.say(ok("nobody hears this"));
      CAF_CHECK(s.is_over(client, 1s));
      CAF_CHECK(!client.hears("nobody"));
    }
    CAF_CHECK_EQUAL(s.here.to_fail(call::write), 0u);
    CAF_CHECK(s.serves(other));
    CAF_CHECK(s.goes_on());
  }
}

CAF_TEST(behind an answer whose end was not written there is no other answer) {
  for (std::string how : {"Content-Length: 8\r\n", "Transfer-Encoding: chunked\r\n"}) {
    CAF_MESSAGE(how);
    auto chunked = how.starts_with("T");
    failing s;
    auto [client, origin] = s.begin(get_it() + get_it());
    origin.say("HTTP/1.1 200 OK\r\n" + how + (chunked ? "\r\n8\r\nhalf" : "\r\nhalf"));
    CAF_REQUIRE(s.hears(client, "half"));
    s.here.fail(call::write, ENOBUFS);
    origin.say(chunked ? "done\r\n0\r\n\r\n" : "done");
    CAF_CHECK(s.is_over(client, 1s));
    CAF_CHECK(client.text.ends_with("half"));
    CAF_CHECK(s.goes_on());
  }
}

CAF_TEST(a connection on which an upload was not written to its end is not used again) {
  for (auto answers : {false, true}) {
    CAF_MESSAGE((answers ? "answered" : "not answered"));
    failing s;
    auto [client, origin] = s.begin(start_of("POST") + "Content-Length: 8\r\n\r\nhalf");
    CAF_REQUIRE(s.hears(origin, "half"));
    if (answers) // before it has heard all
      origin.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    CAF_REQUIRE(!answers || s.hears(client, "half"));
    s.here.fail(call::write, ENOBUFS);
    client.say("done");
    s.pass(1s);
    if (answers)
      origin.say("done");
    CAF_CHECK(s.hears(client, answers ? "halfdone" : "HTTP/1.1 502 ", 1s));
    CAF_CHECK(s.is_over(origin, 1s));
    CAF_CHECK(origin.text.ends_with("half"));
    CAF_CHECK(s.goes_on());
  }
}

CAF_TEST(a read that fails ends what it was for and nothing else) {
  for (auto error : {ECONNRESET, ETIMEDOUT, ENOMEM, EHOSTUNREACH})
    for (auto of_client : {true, false}) {
      CAF_MESSAGE(std::strerror(error) << (of_client ? ", client" : ", origin"));
      failing s;
      auto& other = s.accepted();
      auto& client = s.accepted();
      if (of_client) {
        s.here.fail(call::read, error);
        client.say(get_it());
        CAF_CHECK(s.is_over(client, 1s));
      } else {
        auto& origin = s.reach(client, get_it());
        s.here.fail(call::read, error);
        origin.say(ok("lost"));
        CAF_CHECK(s.hears(client, "HTTP/1.1 502", 1s));
        CAF_CHECK(!client.hears("lost"));
      }
      CAF_CHECK_EQUAL(s.here.to_fail(call::read), 0u);
      CAF_CHECK(s.serves(other));
      CAF_CHECK(s.goes_on());
    }
}

CAF_TEST(without any descriptor clients are told so and the admin API answers) {
  failing s;
  auto& old = s.accepted();
  s.here.limit_descriptors(s.here.descriptors());
  auto& late = s.client();
  late.say(get_it());
  CAF_CHECK(s.hears(late, "HTTP/1.1 503", 1s));
  CAF_CHECK(s.is_over(late, 5s));
  auto& by_socks = s.client(1080);
  CAF_CHECK(s.hears(by_socks, "\x05\xff", 1s));
  auto& admin = s.client(8080);
  admin.say("GET /health HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
  CAF_CHECK(s.hears(admin, "HTTP/1.1 200", 1s));
  CAF_CHECK(s.serves(old));
  for (auto* each : {&late, &by_socks, &admin})
    each->close();
  s.pass(5s);
  // What was given up has been taken back: the next one is told so, too.
  auto& later = s.client();
  CAF_CHECK(s.hears(later, "HTTP/1.1 503", 1s));
  later.close();
  s.here.limit_descriptors(1'000);
  s.pass(1s);
  CAF_CHECK(s.goes_on());
}

CAF_TEST(without any descriptor left in reserve clients wait and are served when there is one) {
  failing s;
  auto& old = s.accepted();
  s.here.limit_descriptors(s.here.descriptors());
  std::vector<party*> told;
  for (int i = 0; i < 20; ++i) {
    told.push_back(&s.client());
    told.back()->read_nothing(); // it keeps its descriptor as long as it may
  }
  s.pass(1s);
  CAF_CHECK(has(s.log(), "msg=accept_paused"));
  CAF_CHECK(s.serves(old));
  for (auto* each : told)
    each->close();
  s.here.limit_descriptors(1'000);
  s.pass(1s);
  CAF_CHECK(s.goes_on());
}
