#define CAF_SUITE actors.net.pump

#include "actors/net/pump.hpp" // unit under test

#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

struct idle_handler final : ready_handler {
  void fire() override {}
};

/// A sender and a receiver on one loop, and the scripted ends of both connections.
struct fixture : loop_fixture {
  fixture() {
    auto [sender, far_sender] = tcp_pair();
    auto [receiver, far_receiver] = tcp_pair();
    source = std::move(far_sender);
    sink = std::move(far_receiver);
    CAF_REQUIRE(from.open(loop, sender.release(), &handler));
    CAF_REQUIRE(to.open(loop, receiver.release(), &handler));
    CAF_REQUIRE(run_until([this] { return to.may_write(); }));
  }

  void source_sends(std::string_view bytes) {
    source.send(bytes);
    CAF_REQUIRE(run_until([this] { return from.may_read(); }));
  }

  /// What the receiver's far end has got so far.
  std::string got() {
    std::string out(1 << 20, '\0');
    auto n = ::recv(sink.fd, out.data(), out.size(), MSG_DONTWAIT);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
  }

  /// The same once it has got as much: what was written in several pieces may come in several.
  std::string got(size_t size) {
    std::string out;
    (void)run_until([&] { return (out += got()).size() >= size; });
    return out;
  }

  idle_handler handler;
  decltype(tcp_pair().first) source;
  decltype(tcp_pair().first) sink;
  transport from;
  transport to;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(pump_tests, fixture)

CAF_TEST(a head and the start of the body leave in one piece) {
  pump p{pump::length{5}};
  auto begun = p.start(to, "head ", "hellonext");
  CAF_CHECK(begun.what == pump::status::finished);
  CAF_CHECK_EQUAL(begun.taken, 5u);
  CAF_CHECK(p.finished());
  CAF_CHECK_EQUAL(got(), "head hello");
}

CAF_TEST(a length ends where it says and gives back what is beyond) {
  pump p{pump::length{5}};
  source_sends("hellonext");
  CAF_CHECK(p.run(loop, from, to) == pump::status::finished);
  CAF_CHECK_EQUAL(got(), "hello");
  CAF_CHECK_EQUAL(p.take_excess(), "next");
  CAF_CHECK_EQUAL(p.moved(), 5u);
}

CAF_TEST(chunks pass as they came and end at the last one) {
  pump p{pump::chunks{}};
  auto begun = p.start(to, "", "5\r\nhel");
  CAF_CHECK_EQUAL(begun.taken, 6u);
  source_sends("lo\r\n0\r\nx: y\r\n\r\nnext");
  CAF_CHECK(p.run(loop, from, to) == pump::status::finished);
  CAF_CHECK_EQUAL(got(), "5\r\nhello\r\n0\r\nx: y\r\n\r\n");
  CAF_CHECK_EQUAL(p.take_excess(), "next");
}

CAF_TEST(trailers lose what they must not carry however they come) {
  std::string_view all = "3\r\nabc\r\n0\r\nA: b\r\nX-Proxy-Error: x\r\nC: d\r\n\r\nnext";
  constexpr std::string_view delivered = "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n";
  for (size_t cut = 0; cut < all.size() - 4; ++cut) {
    CAF_MESSAGE("cut at " << cut);
    pump p{pump::chunks{.decode = false, .trailers = {.of_response = true}}};
    CAF_CHECK_EQUAL(p.start(to, "", all.substr(0, cut)).taken, cut);
    source.send(all.substr(cut));
    CAF_CHECK(run_until([&] { return p.run(loop, from, to) == pump::status::finished; }));
    CAF_CHECK_EQUAL(got(delivered.size()), delivered);
    CAF_CHECK_EQUAL(p.take_excess(), "next");
    CAF_CHECK_EQUAL(p.moved(), delivered.size());
  }
  pump whole{pump::chunks{.decode = false, .trailers = {.of_response = true}}};
  auto begun = whole.start(to, "head ", all);
  CAF_CHECK(begun.what == pump::status::finished);
  CAF_CHECK_EQUAL(begun.taken, all.size() - 4);
  CAF_CHECK_EQUAL(got(delivered.size() + 5), "head " + std::string{delivered});
}

CAF_TEST(a body without trailers ends as it came however it comes) {
  std::string_view all = "3;x=y\r\nabc\r\n00\r\n\r\n";
  for (size_t cut = 0; cut < all.size(); ++cut) {
    pump p{pump::chunks{}};
    CAF_CHECK_EQUAL(p.start(to, "", all.substr(0, cut)).taken, cut);
    source.send(all.substr(cut));
    CAF_CHECK(run_until([&] { return p.run(loop, from, to) == pump::status::finished; }));
    CAF_CHECK_EQUAL(got(all.size()), all);
  }
}

CAF_TEST(fields that frame are left out of a response however they come) {
  std::string_view all = "3\r\nabc\r\n0\r\nContent-Length: 7\r\n\r\n";
  constexpr std::string_view delivered = "3\r\nabc\r\n0\r\n\r\n";
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    CAF_MESSAGE("cut at " << cut);
    pump p{pump::chunks{.decode = false, .trailers = {.of_response = true}}};
    CAF_CHECK_EQUAL(p.start(to, "", all.substr(0, cut)).taken, cut);
    source.send(all.substr(cut));
    CAF_CHECK(run_until([&] { return p.run(loop, from, to) == pump::status::finished; }));
    CAF_CHECK_EQUAL(got(delivered.size()), delivered);
  }
}

CAF_TEST(a copy is what was read of the stream and nothing when that is too much) {
  std::string_view all = "3\r\nabc\r\n0\r\n\r\nnext";
  auto body = all.substr(0, all.size() - 4);
  for (auto most : {body.size(), body.size() - 1}) {
    pump p{pump::chunks{}};
    p.keep_copy(most);
    CAF_CHECK_EQUAL(p.start(to, "head ", all.substr(0, 6)).taken, 6u);
    source.send(all.substr(6));
    CAF_CHECK(run_until([&] { return p.run(loop, from, to) == pump::status::finished; }));
    auto copy = p.take_copy();
    CAF_CHECK_EQUAL(copy.has_value(), most == body.size());
    CAF_CHECK_EQUAL(copy.value_or(std::string{body}), body);
    CAF_CHECK_EQUAL(p.take_excess(), "next");
    (void)got(body.size() + 5);
  }
  pump plain{pump::length{3}};
  plain.keep_copy(3);
  CAF_CHECK(plain.start(to, "", "abcd").what == pump::status::finished);
  CAF_CHECK_EQUAL(plain.take_copy().value_or(""), "abc");
  pump none{pump::length{3}};
  CAF_CHECK(!none.take_copy());
}

CAF_TEST(chunks can be taken off) {
  pump p{pump::chunks{.decode = true}};
  auto begun = p.start(to, "", "5\r\nhello\r\n3\r\n");
  CAF_CHECK(begun.what != pump::status::malformed);
  source_sends("abc\r\n0\r\n\r\n");
  CAF_CHECK(p.run(loop, from, to) == pump::status::finished);
  CAF_CHECK_EQUAL(got(), "helloabc");
}

CAF_TEST(broken chunks are told and what is broken is not delivered) {
  pump p{pump::chunks{}};
  source_sends("zz\r\n");
  CAF_CHECK(p.run(loop, from, to) == pump::status::malformed);
  CAF_CHECK(static_cast<bool>(p.framing_error()));
  CAF_CHECK_EQUAL(got(), "");
}

CAF_TEST(the end of the sender is passed on only after its bytes) {
  pump p;
  source.send("last");
  ::shutdown(source.fd, SHUT_WR);
  auto status = pump::status::blocked;
  CAF_CHECK(run_until([&] {
    status = p.run(loop, from, to);
    return status != pump::status::blocked;
  }));
  CAF_CHECK(status == pump::status::source_ended);
  CAF_CHECK_EQUAL(got(), "last");
  CAF_CHECK(p.ends_with_source());
}

CAF_TEST(a body whose last bytes cannot be delivered has not finished) {
  CAF_REQUIRE(to.shutdown_write()); // each write fails from now on
  struct row {
    pump body;
    std::string_view bytes;
  };
  row rows[] = {{pump{pump::length{4}}, "last"},
                {pump{pump::length{4}}, "last and more"},
                {pump{pump::chunks{}}, "4\r\nlast\r\n0\r\n\r\n"},
                {pump{pump::chunks{.decode = true}}, "4\r\nlast\r\n0\r\n\r\n"}};
  for (auto& [body, bytes] : rows) {
    CAF_MESSAGE(bytes);
    source_sends(bytes);
    CAF_CHECK(body.run(loop, from, to) == pump::status::sink_failed);
    CAF_CHECK_EQUAL(body.error(), EPIPE);
    CAF_CHECK_EQUAL(body.moved(), 0u);
    CAF_CHECK(!body.finished());
  }
  pump begun{pump::length{4}};
  CAF_CHECK(begun.start(to, "head", "last").what == pump::status::sink_failed);
  CAF_CHECK(!begun.finished());
}

CAF_TEST(a receiver that takes nothing stops the sender and nothing is lost) {
  pump p;
  std::string sent;
  std::string received;
  std::string block(256 * 1024, '\0');
  for (size_t i = 0; i < block.size(); ++i)
    block[i] = static_cast<char>(i * 7 + i / 251);
  // Until both the pump and the kernel are full: no read may happen beyond that.
  auto stuck = false;
  for (int i = 0; i < 4000 && !stuck; ++i) {
    auto n = ::send(source.fd, block.data(), block.size(), MSG_DONTWAIT);
    if (n > 0)
      sent.append(block, 0, static_cast<size_t>(n));
    loop.turn(0ms);
    (void)p.run(loop, from, to);
    stuck = n <= 0 && p.holds_bytes() && !to.may_write();
  }
  CAF_REQUIRE(stuck);
  CAF_CHECK(sent.size() < 64u * 1024 * 1024);
  ::shutdown(source.fd, SHUT_WR);
  auto status = pump::status::blocked;
  CAF_REQUIRE(run_until([&] {
    received += got();
    status = p.run(loop, from, to);
    return status == pump::status::source_ended;
  }));
  CAF_REQUIRE(run_until([&] {
    received += got();
    return received.size() == sent.size();
  }));
  CAF_CHECK(received == sent);
  CAF_CHECK_EQUAL(p.moved(), sent.size());
}

CAF_TEST_FIXTURE_SCOPE_END()
