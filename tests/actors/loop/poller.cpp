#define CAF_SUITE actors.loop.poller
#include "actors/loop/poller.hpp" // unit under test

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <set>

#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using poller_factory = std::unique_ptr<poller> (*)();
#ifdef PROXY_PORTABLE
constexpr poller_factory both[] = {make_poller, make_poll_poller};
#else
constexpr poller_factory both[] = {make_epoll_poller, make_poll_poller};
#endif

struct probe final : io_source {
  explicit probe(int descriptor) { fd = descriptor; }
  void on_ready() override {
    ++calls;
    if (then)
      then();
  }
  int calls = 0;
  std::function<void()> then;
};

/// What one source is told, merged as a loop does it; 0 for nothing.
unsigned told(poller& p, io_source& source, std::chrono::milliseconds wait = 0ms) {
  std::array<io_event, 8> events;
  unsigned bits = 0;
  auto n = p.wait(events, wait);
  for (size_t i = 0; i < n; ++i)
    if (events[i].source == &source)
      bits |= events[i].bits;
  source.ready = static_cast<uint8_t>(source.ready | bits);
  return bits;
}

void lose(io_source& source, unsigned bits) {
  source.ready = static_cast<uint8_t>(source.ready & ~bits);
}

} // namespace

CAF_TEST(a new source is told that it may write and hears of bytes when they come) {
  for (auto make : both) {
    auto [mine, peer] = stream_pair();
    auto p = make();
    probe source{mine.fd};
    CAF_REQUIRE(p->add(source));
    CAF_CHECK_EQUAL(told(*p, source), unsigned{io_out});
    CAF_CHECK_EQUAL(told(*p, source), 0u);
    peer.send("x");
    CAF_CHECK_EQUAL(told(*p, source, 1s) & (io_in | io_hup | io_dead), unsigned{io_in});
    p->remove(source);
  }
}

CAF_TEST(what is known already is not told again) {
  for (auto make : both) {
    auto [mine, peer] = stream_pair();
    auto p = make();
    probe source{mine.fd};
    CAF_REQUIRE(p->add(source));
    peer.send("x");
    CAF_CHECK(told(*p, source, 1s) & io_in);
    CAF_CHECK_EQUAL(told(*p, source), 0u); // unread, but known
    p->remove(source);
  }
}

CAF_TEST(a bit that was lost is told again when it turns true) {
  for (auto make : both) {
    auto [mine, peer] = stream_pair();
    auto p = make();
    probe source{mine.fd};
    CAF_REQUIRE(p->add(source));
    for (int round = 0; round < 3; ++round) {
      peer.send("x");
      CAF_CHECK(told(*p, source, 1s) & io_in);
      CAF_CHECK_EQUAL(mine.receive(), "x");
      lose(source, io_in);
      CAF_CHECK_EQUAL(told(*p, source) & io_in, 0u);
    }
    auto sent = mine.fill();
    CAF_CHECK(sent > 0);
    lose(source, io_out);
    CAF_CHECK_EQUAL(told(*p, source) & io_out, 0u);
    CAF_CHECK_EQUAL(peer.drain(), sent);
    CAF_CHECK(told(*p, source, 1s) & io_out);
    p->remove(source);
  }
}

CAF_TEST(the last byte of a peer is told beside what is left to read) {
  for (auto make : both) {
    auto [mine, peer] = tcp_pair();
    auto p = make();
    probe source{mine.fd};
    CAF_REQUIRE(p->add(source));
    CAF_CHECK_EQUAL(told(*p, source), unsigned{io_out});
    peer.send("bye");
    ::shutdown(peer.fd, SHUT_WR);
#ifdef PROXY_PORTABLE // a read finds out
    CAF_CHECK_EQUAL(told(*p, source, 1s), unsigned{io_in});
#else
    unsigned bits = 0;
    for (int i = 0; i < 100 && !(bits & io_hup); ++i)
      bits |= told(*p, source, 10ms);
    CAF_CHECK_EQUAL(bits & (io_in | io_hup | io_dead), unsigned{io_in | io_hup});
#endif
    CAF_CHECK_EQUAL(mine.receive(), "bye");
    p->remove(source);
  }
}

CAF_TEST(a reset is told once and for all) {
  for (auto make : both) {
    auto [mine, peer] = tcp_pair();
    auto p = make();
    probe source{mine.fd};
    CAF_REQUIRE(p->add(source));
    CAF_CHECK_EQUAL(told(*p, source), unsigned{io_out});
    peer.reset();
    CAF_CHECK_EQUAL(told(*p, source, 1s), unsigned{io_in | io_out | io_hup | io_dead});
    lose(source, io_in | io_out);
    CAF_CHECK_EQUAL(told(*p, source), 0u);
    p->remove(source);
  }
}

CAF_TEST(a removed source hears nothing and the others still do) {
  for (auto make : both) {
    auto [first, first_peer] = stream_pair();
    auto [second, second_peer] = stream_pair();
    auto [third, third_peer] = stream_pair();
    auto p = make();
    probe a{first.fd};
    probe b{second.fd};
    probe c{third.fd};
    for (auto* source : {&a, &b, &c})
      CAF_REQUIRE(p->add(*source));
    p->remove(a);
    first_peer.send("x");
    third_peer.send("x");
    std::array<io_event, 8> events;
    std::set<io_source*> heard;
    for (size_t n = p->wait(events, 0ms); n > 0; --n)
      heard.insert(events[n - 1].source);
    CAF_CHECK(heard == (std::set<io_source*>{&b, &c}));
    p->remove(c);
    p->remove(b);
    CAF_CHECK_EQUAL(p->wait(events, 0ms), 0u);
  }
}

CAF_TEST(nobody starves when the reports do not fit) {
  for (auto make : both) {
    auto [first, first_peer] = stream_pair();
    auto [second, second_peer] = stream_pair();
    auto [third, third_peer] = stream_pair();
    auto p = make();
    probe sources[] = {probe{first.fd}, probe{second.fd}, probe{third.fd}};
    for (auto& source : sources)
      CAF_REQUIRE(p->add(source));
    std::set<io_source*> heard;
    for (int i = 0; i < 3; ++i) {
      std::array<io_event, 1> one;
      CAF_REQUIRE_EQUAL(p->wait(one, 0ms), 1u);
      one[0].source->ready |= one[0].bits;
      heard.insert(one[0].source);
    }
    CAF_CHECK_EQUAL(heard.size(), 3u);
    for (auto& source : sources)
      p->remove(source);
  }
}

CAF_TEST(a shared listener is told of again until all have been accepted) {
  for (auto make : both) {
    auto listener = tcp_listener();
    auto p = make();
    probe source{listener.fd};
    CAF_REQUIRE(p->add_shared(source));
    CAF_CHECK_EQUAL(told(*p, source), 0u);
    auto one = tcp_connect(listener);
    auto two = tcp_connect(listener);
    for (int i = 0; i < 2; ++i) {
      CAF_CHECK_EQUAL(told(*p, source, 1s), unsigned{io_in});
      CAF_CHECK(tcp_accept(listener).fd >= 0);
    }
    CAF_CHECK_EQUAL(told(*p, source), 0u);
    p->remove(source);
  }
}

CAF_TEST(a wait ends in time when nothing happens) {
  for (auto make : both) {
    auto p = make();
    std::array<io_event, 8> events;
    auto start = std::chrono::steady_clock::now();
    CAF_CHECK_EQUAL(p->wait(events, 20ms), 0u);
    CAF_CHECK(std::chrono::steady_clock::now() - start >= 19ms);
  }
}

CAF_TEST(a source that goes away during a batch is not called) {
  for (auto make : both) {
    loop_fixture f{make()};
    auto [first, first_peer] = stream_pair();
    auto [second, second_peer] = stream_pair();
    auto a = std::make_unique<probe>(first.fd);
    auto b = std::make_unique<probe>(second.fd);
    CAF_REQUIRE(f.loop.watch(*a));
    CAF_REQUIRE(f.loop.watch(*b));
    // Whichever is called first takes the other with it.
    int calls = 0;
    a->then = [&] {
      ++calls;
      f.loop.unwatch(*b);
      b.reset();
    };
    b->then = [&] {
      ++calls;
      f.loop.unwatch(*a);
      a.reset();
    };
    f.loop.turn(0ms);
    f.loop.turn(0ms);
    CAF_CHECK_EQUAL(calls, 1);
    CAF_CHECK_EQUAL((a == nullptr) + (b == nullptr), 1);
    f.loop.unwatch(a ? *a : *b);
  }
}

CAF_TEST(a source may end itself when it is called) {
  for (auto make : both) {
    loop_fixture f{make()};
    auto [mine, peer] = stream_pair();
    auto source = std::make_unique<probe>(mine.fd);
    CAF_REQUIRE(f.loop.watch(*source));
    source->then = [&] {
      f.loop.unwatch(*source);
      source.reset();
    };
    f.loop.turn(0ms);
    CAF_CHECK(source == nullptr);
    peer.send("x");
    f.loop.turn(0ms);
  }
}
