#define CAF_SUITE actors.loop.poller
#include "actors/loop/poller.hpp" // unit under test

#include <array>
#include <functional>
#include <set>

#include "tests/actors/loop/back_ends.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

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

/// A poller of some kind.
struct fixture : stand {
  using stand::stand;
  std::unique_ptr<poller> p = make_poller();

  size_t wait(std::span<io_event> out, std::chrono::milliseconds limit = 0ms) {
    return stand::wait(*p, out, limit);
  }
  /// What one source is told, merged as a loop does it; 0 for nothing.
  unsigned told(io_source& source, std::chrono::milliseconds limit = 0ms) {
    std::array<io_event, 8> events;
    unsigned bits = 0;
    auto n = wait(events, limit);
    for (size_t i = 0; i < n; ++i)
      if (events[i].source == &source)
        bits |= events[i].bits;
    source.ready = static_cast<uint8_t>(source.ready | bits);
    return bits;
  }
};

void lose(io_source& source, unsigned bits) {
  source.ready = static_cast<uint8_t>(source.ready & ~bits);
}

} // namespace

CAF_TEST(a new source is told that it may write and hears of bytes when they come) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = stream_pair(f.on());
    probe source{mine.fd};
    CAF_REQUIRE(f.p->add(source));
    CAF_CHECK_EQUAL(f.told(source), unsigned{io_out});
    CAF_CHECK_EQUAL(f.told(source), 0u);
    peer.send("x");
    CAF_CHECK_EQUAL(f.told(source, 1s) & (io_in | io_hup | io_dead), unsigned{io_in});
    f.p->remove(source);
  }
}

CAF_TEST(what is known already is not told again) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = stream_pair(f.on());
    probe source{mine.fd};
    CAF_REQUIRE(f.p->add(source));
    peer.send("x");
    CAF_CHECK(f.told(source, 1s) & io_in);
    CAF_CHECK_EQUAL(f.told(source), 0u); // unread, but known
    f.p->remove(source);
  }
}

CAF_TEST(a bit that was lost is told again when it turns true) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = stream_pair(f.on());
    probe source{mine.fd};
    CAF_REQUIRE(f.p->add(source));
    for (int round = 0; round < 3; ++round) {
      peer.send("x");
      CAF_CHECK(f.told(source, 1s) & io_in);
      CAF_CHECK_EQUAL(mine.receive(), "x");
      lose(source, io_in);
      CAF_CHECK_EQUAL(f.told(source) & io_in, 0u);
    }
    auto sent = mine.fill();
    CAF_CHECK(sent > 0);
    lose(source, io_out);
    CAF_CHECK_EQUAL(f.told(source) & io_out, 0u);
    CAF_CHECK_EQUAL(peer.drain(), sent);
    CAF_CHECK(f.told(source, 1s) & io_out);
    f.p->remove(source);
  }
}

CAF_TEST(the last byte of a peer is told beside what is left to read) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = tcp_pair(f.on());
    probe source{mine.fd};
    CAF_REQUIRE(f.p->add(source));
    CAF_CHECK_EQUAL(f.told(source), unsigned{io_out});
    peer.send("bye");
    peer.finish();
    unsigned bits = f.told(source, 1s);
    if (tells_of_end(kind)) {
      for (int i = 0; i < 100 && !(bits & io_hup); ++i)
        bits |= f.told(source, 10ms);
      CAF_CHECK_EQUAL(bits & (io_in | io_hup | io_dead), unsigned{io_in | io_hup});
    } else { // a read finds out
      CAF_CHECK_EQUAL(bits, unsigned{io_in});
    }
    CAF_CHECK_EQUAL(mine.receive(), "bye");
    f.p->remove(source);
  }
}

CAF_TEST(a reset is told once and for all) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = tcp_pair(f.on());
    probe source{mine.fd};
    CAF_REQUIRE(f.p->add(source));
    CAF_CHECK_EQUAL(f.told(source), unsigned{io_out});
    peer.reset();
    CAF_CHECK_EQUAL(f.told(source, 1s), unsigned{io_in | io_out | io_hup | io_dead});
    lose(source, io_in | io_out);
    CAF_CHECK_EQUAL(f.told(source), 0u);
    f.p->remove(source);
  }
}

CAF_TEST(a removed source hears nothing and the others still do) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [first, first_peer] = stream_pair(f.on());
    auto [second, second_peer] = stream_pair(f.on());
    auto [third, third_peer] = stream_pair(f.on());
    probe a{first.fd};
    probe b{second.fd};
    probe c{third.fd};
    for (auto* source : {&a, &b, &c})
      CAF_REQUIRE(f.p->add(*source));
    f.p->remove(a);
    first_peer.send("x");
    third_peer.send("x");
    std::array<io_event, 8> events;
    std::set<io_source*> heard;
    for (size_t n = f.wait(events, 0ms); n > 0; --n)
      heard.insert(events[n - 1].source);
    CAF_CHECK(heard == (std::set<io_source*>{&b, &c}));
    f.p->remove(c);
    f.p->remove(b);
    CAF_CHECK_EQUAL(f.wait(events, 0ms), 0u);
  }
}

CAF_TEST(nobody starves when the reports do not fit) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [first, first_peer] = stream_pair(f.on());
    auto [second, second_peer] = stream_pair(f.on());
    auto [third, third_peer] = stream_pair(f.on());
    probe sources[] = {probe{first.fd}, probe{second.fd}, probe{third.fd}};
    for (auto& source : sources)
      CAF_REQUIRE(f.p->add(source));
    std::set<io_source*> heard;
    for (int i = 0; i < 3; ++i) {
      std::array<io_event, 1> one;
      CAF_REQUIRE_EQUAL(f.wait(one, 0ms), 1u);
      one[0].source->ready |= one[0].bits;
      heard.insert(one[0].source);
    }
    CAF_CHECK_EQUAL(heard.size(), 3u);
    for (auto& source : sources)
      f.p->remove(source);
  }
}

CAF_TEST(a shared listener is told of again until all have been accepted) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto listener = tcp_listener(f.on());
    probe source{listener.fd};
    CAF_REQUIRE(f.p->add_shared(source));
    CAF_CHECK_EQUAL(f.told(source), 0u);
    auto one = tcp_connect(listener);
    auto two = tcp_connect(listener);
    for (int i = 0; i < 2; ++i) {
      CAF_CHECK_EQUAL(f.told(source, 1s), unsigned{io_in});
      CAF_CHECK(tcp_accept(listener).fd >= 0);
    }
    CAF_CHECK_EQUAL(f.told(source), 0u);
    f.p->remove(source);
  }
}

CAF_TEST(a wait ends in time when nothing happens) {
  for (auto kind : {back_end::usual, back_end::poll}) { // a made-up one never waits
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    std::array<io_event, 8> events;
    auto start = std::chrono::steady_clock::now();
    // The kernel may end one before its time: for a signal, or what is left of a ring that has
    // gone.
    auto waits = 0;
    for (; std::chrono::steady_clock::now() - start < 19ms && waits < 5; ++waits)
      CAF_CHECK_EQUAL(f.wait(events, 20ms), 0u);
    CAF_CHECK(waits < 5);
  }
}

CAF_TEST(a source that goes away during a batch is not called) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [first, first_peer] = stream_pair(f.on());
    auto [second, second_peer] = stream_pair(f.on());
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
    f.turn();
    f.turn();
    CAF_CHECK_EQUAL(calls, 1);
    CAF_CHECK_EQUAL((a == nullptr) + (b == nullptr), 1);
    f.loop.unwatch(a ? *a : *b);
  }
}

CAF_TEST(a source may end itself when it is called) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    fixture f{kind};
    auto [mine, peer] = stream_pair(f.on());
    auto source = std::make_unique<probe>(mine.fd);
    CAF_REQUIRE(f.loop.watch(*source));
    source->then = [&] {
      f.loop.unwatch(*source);
      source.reset();
    };
    f.turn();
    CAF_CHECK(source == nullptr);
    peer.send("x");
    f.turn();
  }
}
