#define CAF_SUITE actors.net.datagram_socket
#include "actors/net/datagram_socket.hpp" // unit under test

#include <numeric>
#include <string>
#include <vector>

#include "tests/actors/loop/back_ends.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

struct counter final : ready_handler {
  void fire() override { ++fired; }
  int fired = 0;
};

ip_sockaddr loopback() { return make_sockaddr(ip_address::v4(0x7f000001), 0); }

/// One socket that sends and two that may receive.
struct fixture : stand {
  explicit fixture(back_end which) : stand(which) {
    CAF_MESSAGE(test::to_string(which));
    for (auto* s : {&sender, &one, &other})
      CAF_REQUIRE_EQUAL(s->open(loop, loopback(), &handler), 0);
    to_one = one.bound();
    to_other = other.bound();
    turn();
  }

  datagram_socket::sent send() {
    return sender.send(queue, [this](const ip_sockaddr& to, int) { failed.push_back(to.port()); });
  }

  /// Everything that arrives at `s`, until there are `count`.
  std::vector<std::string> receive(datagram_socket& s, size_t count) {
    std::vector<std::string> out;
    auto all = run_until([&] {
      while (s.may_read() && s.receive(buffer))
        buffer.each([&](const datagram_buffer::item& got) {
          CAF_CHECK(*got.from->ip() == ip_address::v4(0x7f000001));
          out.emplace_back(got.bytes);
        });
      return out.size() >= count;
    });
    CAF_CHECK(all);
    return out;
  }

  counter handler;
  datagram_socket sender, one, other;
  ip_sockaddr to_one, to_other;
  datagram_queue queue;
  datagram_buffer buffer;
  std::vector<uint16_t> failed;
};

} // namespace

CAF_TEST(datagrams arrive whole and in order whatever rows they are sent in) {
  struct row {
    const char* what;
    std::vector<size_t> sizes;
  };
  std::vector<size_t> many(200, 100);
  for (auto kind : back_ends)
    for (auto& [what, sizes] : std::initializer_list<row>{
           {"one", {5}},
           {"an empty one", {0}},
           {"equal ones", {7, 7, 7, 7}},
           {"a row that a short one ends", {9, 9, 4, 9, 9}},
           {"a row that an empty one ends", {9, 9, 0, 9}},
           {"growing ones", {1, 2, 3, 4}},
           {"too long for a row", {2000, 2000, 60'000}},
           {"more than a row, and than one batch receives", many},
         }) {
      CAF_MESSAGE(what);
      fixture f{kind};
      std::vector<std::string> data;
      for (size_t i = 0; i < sizes.size(); ++i)
        data.emplace_back(sizes[i], static_cast<char>('a' + i % 26));
      for (const auto& d : data)
        f.queue.put(f.to_one, {}, d);
      auto sent = f.send();
      CAF_CHECK_EQUAL(sent.datagrams, data.size());
      CAF_CHECK_EQUAL(sent.dropped, 0u);
      CAF_CHECK(f.queue.empty());
      auto got = f.receive(f.one, data.size());
      CAF_CHECK(got == data);
    }
}

CAF_TEST(headers stand before the data they were put with) {
  for (auto kind : back_ends) {
    fixture f{kind};
    for (auto data : {"first", "other", "third"})
      f.queue.put(f.to_one, "head:", data);
    (void)f.send();
    auto got = f.receive(f.one, 3);
    CAF_CHECK((got == std::vector<std::string>{"head:first", "head:other", "head:third"}));
  }
}

CAF_TEST(a row ends where the destination changes) {
  for (auto kind : back_ends) {
    fixture f{kind};
    for (auto data : {"aa", "bb"})
      f.queue.put(f.to_one, {}, data);
    f.queue.put(f.to_other, {}, "cc");
    f.queue.put(f.to_one, {}, "dd");
    (void)f.send();
    auto at_one = f.receive(f.one, 3);
    auto at_other = f.receive(f.other, 1);
    CAF_CHECK((at_one == std::vector<std::string>{"aa", "bb", "dd"}));
    CAF_CHECK((at_other == std::vector<std::string>{"cc"}));
  }
}

CAF_TEST(a destination that cannot be reached is told and the others are served) {
  for (auto kind : back_ends) {
    fixture f{kind};
    auto nowhere = make_sockaddr(ip_address::v4(0x7f000001), 0); // port 0 is refused at once
    f.queue.put(f.to_one, {}, "before");
    f.queue.put(nowhere, {}, "lost");
    const std::string too_long(65'508, 'x');
    f.queue.put(f.to_other, {}, too_long);
    f.queue.put(f.to_one, {}, "after");
    auto sent = f.send();
    CAF_CHECK_EQUAL(sent.datagrams, 2u);
    CAF_CHECK_EQUAL(sent.dropped, 2u);
    CAF_CHECK((f.failed == std::vector<uint16_t>{0, f.to_other.port()}));
    auto got = f.receive(f.one, 2);
    CAF_CHECK((got == std::vector<std::string>{"before", "after"}));
  }
}

CAF_TEST(a socket that was emptied knows it and hears of what comes later) {
  for (auto kind : back_ends) {
    fixture f{kind};
    CAF_CHECK(!f.one.may_read());
    f.queue.put(f.to_one, {}, "x");
    (void)f.send();
    auto got = f.receive(f.one, 1);
    CAF_CHECK(!f.one.may_read());
    auto fired = f.handler.fired;
    f.queue.put(f.to_one, {}, "y");
    (void)f.send();
    CAF_CHECK(f.run_until([&] { return f.one.may_read(); }));
    CAF_CHECK(f.handler.fired > fired);
  }
}

CAF_TEST(a port is another one at another address) {
  for (auto kind : back_ends) {
    fixture f{kind};
    datagram_socket second, wide;
    auto elsewhere = make_sockaddr(ip_address::v4(0x7f000002), f.to_one.port());
    auto everywhere = make_sockaddr(ip_address::v4(0), f.to_one.port());
    CAF_CHECK_EQUAL(second.open(f.loop, elsewhere, &f.handler), 0);
    CAF_CHECK_EQUAL(wide.open(f.loop, everywhere, &f.handler), EADDRINUSE);
    f.queue.put(f.to_one, {}, "one");
    f.queue.put(elsewhere, {}, "second");
    (void)f.send();
    auto at_one = f.receive(f.one, 1);
    auto at_second = f.receive(second, 1);
    CAF_CHECK((at_one == std::vector<std::string>{"one"}));
    CAF_CHECK((at_second == std::vector<std::string>{"second"}));
  }
}

CAF_TEST(an address in use or of another machine cannot be bound) {
  for (auto kind : back_ends) {
    fixture f{kind};
    datagram_socket late;
    auto of_nobody = make_sockaddr(*ip_address::parse("203.0.113.77"), 0);
    CAF_CHECK_EQUAL(late.open(f.loop, of_nobody, &f.handler), EADDRNOTAVAIL);
    CAF_CHECK_EQUAL(late.open(f.loop, f.to_one, &f.handler), EADDRINUSE);
    CAF_CHECK(!late.is_open());
  }
}
