#define CAF_SUITE actors.net.transport
#include "actors/net/transport.hpp" // unit under test

#include <sys/ioctl.h>

#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"
#include "tests/tls/conversation.hpp"

using namespace proxy;
using namespace proxy::test;
using proxy::tls::step;

namespace {

struct idle_handler final : ready_handler {
  void fire() override {}
};

/// A transport under test, and the scripted peer of its connection.
struct fixture : loop_fixture, tls_fixture {
  fixture() { reconnect(); }

  void reconnect() {
    near.close();
    auto [mine, theirs] = tcp_pair();
    peer = std::move(theirs);
    near_fd = mine.release();
    CAF_REQUIRE(near.open(loop, near_fd, &handler));
  }

  /// Puts both ends under TLS; what the peer writes from now on waits for `sealed`.
  void secure() {
    far = server->session(*shown, carried, {});
    secure_with(*far);
    keep_back(*far);
  }
  /// Lets the transport begin TLS with the session of a server.
  void secure_with(ssl_st& with) {
    auto mine = near.begin_tls(*client, parsed("example.com"), {});
    CAF_REQUIRE(mine);
    auto connected = step::want_read, accepted = step::want_read;
    CAF_REQUIRE(run_until([&] {
      if (connected == step::want_read)
        connected = near.shake_hands(mine, tls::connect_step);
      if (accepted == step::want_read)
        accepted = tls::accept_step(with);
      return connected == step::done && accepted == step::done;
    }));
    settle();
    CAF_CHECK_EQUAL(read_all(), ""); // what comes first are tickets
  }
  static void keep_back(ssl_st& session) { SSL_set0_wbio(&session, BIO_new(BIO_s_mem())); }

  /// Each text in a record of its own.
  using texts = std::initializer_list<std::string_view>;
  static std::string sealed(ssl_st& by, texts all) {
    for (auto text : all) {
      size_t size = 0;
      CAF_REQUIRE_EQUAL(tls::write(by, text.data(), text.size(), size), step::done);
    }
    char* bytes = nullptr;
    auto count = BIO_get_mem_data(SSL_get_wbio(&by), &bytes);
    std::string records(bytes, static_cast<size_t>(count));
    (void)BIO_reset(SSL_get_wbio(&by));
    return records;
  }
  [[nodiscard]] std::string sealed(texts all) const { return sealed(*far, all); }

  /// Sends what the transport then knows of.
  void peer_sends(std::string_view bytes) {
    auto all = arrived() + bytes.size();
    CAF_REQUIRE(peer.send(bytes));
    CAF_REQUIRE(run_until([&] { return arrived() >= all; }));
    settle();
  }
  /// Bytes that the kernel holds for the transport.
  size_t arrived() const {
    int size = 0;
    CAF_REQUIRE_EQUAL(::ioctl(near_fd, FIONREAD, &size), 0);
    return static_cast<size_t>(size);
  }

  /// All that can be read, in pieces of at most `room` bytes, before the transport says to wait.
  std::string read_all(size_t room = 1024) {
    std::string all, piece(room, '\0');
    while (near.may_read()) {
      auto got = near.read(piece);
      if (got.ok())
        all.append(piece, 0, got.size);
      else if (!got.blocked())
        break;
    }
    return all;
  }

  /// What the peer has got by now.
  std::string peer_got() {
    std::string all, piece(64 * 1024, '\0');
    for (auto what = step::done; what == step::done;) {
      size_t got = 0;
      what = tls::read(*far, piece.data(), piece.size(), got);
      all.append(piece, 0, got);
    }
    return all;
  }

  tls::leaf_ptr shown = leaf_for("example.com");
  idle_handler handler;
  int near_fd = -1; ///< To ask the kernel about it.
  endpoint_fd peer;
  descriptor_carrier carried{peer.fd};
  tls::ssl_ptr far;
  transport near;
};

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>('a' + (i + i / 251) % 26);
  return bytes;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(transport_tests, fixture)

CAF_TEST(records that came together are read in small pieces without a wait) {
  secure();
  peer_sends(sealed({"one, ", "two, ", "three"}));
  CAF_CHECK_EQUAL(read_all(2), "one, two, three");
  CAF_CHECK(!near.has_unread());
  peer_sends(sealed({"and four"}));
  CAF_CHECK_EQUAL(read_all(2), "and four");
}

CAF_TEST(what a peer sends between two reads is not lost) {
  secure();
  peer_sends(sealed({"one, ", "two, "}));
  char piece[3];
  CAF_CHECK_EQUAL(near.read(piece).size, 3u);
  peer_sends(sealed({"three"}));
  CAF_CHECK_EQUAL(read_all(3), ", two, three");
}

CAF_TEST(a part of a record is no reason to read again) {
  secure();
  auto records = sealed({"one, ", "two"});
  for (auto cut : {records.size() / 2 - 3, records.size() / 2 + 3, records.size() - 1}) {
    CAF_MESSAGE("the first " << cut << " of " << records.size() << " bytes");
    peer_sends(records.substr(0, cut));
    auto first = read_all();
    CAF_CHECK(!near.may_read());
    peer_sends(records.substr(cut));
    CAF_CHECK_EQUAL(first + read_all(), "one, two");
    records = sealed({"one, ", "two"});
  }
}

CAF_TEST(what came along with the end of a handshake can be read at once) {
  auto session = near.begin_tls(*server, *shown, {}, {});
  auto theirs_session = client->session(parsed("example.com"), carried);
  CAF_REQUIRE_EQUAL(tls::connect_step(*theirs_session), step::want_read);
  CAF_REQUIRE_EQUAL(near.shake_hands(session, tls::accept_step), step::want_read);
  CAF_REQUIRE(run_until([&] { return tls::connect_step(*theirs_session) == step::done; }));
  size_t size = 0;
  CAF_REQUIRE_EQUAL(tls::write(*theirs_session, "early", 5, size), step::done);
  // A read that asks too early would get less.
  CAF_REQUIRE(run_until([&] { return arrived() > 80; }));
  CAF_REQUIRE_EQUAL(near.shake_hands(session, tls::accept_step), step::done);
  CAF_CHECK_EQUAL(read_all(2), "early");
}

CAF_TEST(what is put back is read first and then what has come since) {
  peer_sends("HEAD of the tunnel");
  char head[5];
  CAF_CHECK_EQUAL(near.read(head).size, sizeof head);
  std::string rest = read_all();
  CAF_CHECK_EQUAL(rest, "of the tunnel");
  CAF_CHECK(near.is_plain());
  near.put_back(std::move(rest));
  CAF_CHECK(near.may_read());
  CAF_CHECK(near.has_unread());
  CAF_CHECK(!near.is_plain()); // a splice would overtake it
  CAF_CHECK(!near.begin_tls(*client, parsed("example.com"), {}));
  peer_sends(", and more");
  CAF_CHECK_EQUAL(read_all(3), "of the tunnel, and more");
  CAF_CHECK(near.is_plain());
  CAF_CHECK(!near.may_read());
  CAF_CHECK(!near.has_unread());
  near.put_back("of another life");
  reconnect();
  CAF_CHECK(!near.may_read());
}

CAF_TEST(records inside another session are read without a wait too) {
  secure();
  // The inner peer writes into memory from the start; the outer one seals what it wrote.
  auto inner = server->session(*shown, carried, {});
  auto* bytes = BIO_new(BIO_f_ssl());
  BIO_set_ssl(bytes, far.get(), BIO_NOCLOSE);
  SSL_set_bio(inner.get(), bytes, bytes);
  SSL_set0_wbio(far.get(), BIO_new_socket(peer.fd, BIO_NOCLOSE));
  secure_with(*inner);
  keep_back(*inner);
  keep_back(*far);
  auto first = sealed(*inner, {"one, "}), others = sealed(*inner, {"two, ", "three"});
  peer_sends(sealed({first, others}));
  CAF_CHECK_EQUAL(read_all(2), "one, two, three");
  CAF_CHECK(!near.has_unread());
}

CAF_TEST(what was read ahead is something unread) {
  secure();
  peer_sends(sealed({"asked for", "not asked for"}));
  char room[9];
  CAF_CHECK_EQUAL(near.read(room).size, 9u);
  CAF_CHECK(near.has_unread());
}

CAF_TEST(a write larger than a record goes out whole) {
  secure();
  const auto head = pattern(40 * 1024), body = pattern(50 * 1024);
  auto sent = near.write(head, body);
  CAF_CHECK_EQUAL(sent.size, head.size() + body.size());
  std::string got;
  CAF_CHECK(run_until([&] { return (got += peer_got()).size() >= sent.size; }));
  CAF_CHECK(got == head + body);
}

CAF_TEST(a write that is cut short means a full socket and goes on where it stopped) {
  secure();
  const auto all = pattern(32 * 1024 * 1024);
  std::string_view rest{all};
  auto sent = near.write(rest);
  CAF_REQUIRE(sent.ok());
  CAF_CHECK(sent.size < rest.size());
  CAF_CHECK(!near.may_write());
  std::string got;
  CAF_CHECK(run_until([&] {
    if (near.may_write()) {
      if (sent.ok())
        rest.remove_prefix(sent.size);
      sent = near.write(rest);
    }
    got += peer_got();
    return got.size() >= all.size();
  }));
  CAF_CHECK(got == all);
}

CAF_TEST(the end of a peer is told after its last bytes) {
  secure();
  CAF_REQUIRE(peer.send(sealed({"last"})));
  SSL_set0_wbio(far.get(), BIO_new_socket(peer.fd, BIO_NOCLOSE));
  (void)tls::shutdown(*far);
  peer.close();
  CAF_REQUIRE(run_until([this] { return near.may_read(); }));
  CAF_CHECK_EQUAL(read_all(2), "last");
  CAF_CHECK(run_until([this] { return near.may_read(); }));
  char room[8];
  CAF_CHECK(near.read(room).ended());
}

CAF_TEST(a connection that breaks off is told from one that ends after its last bytes too) {
  for (std::string_view after : {"", "\x17\x03\x03\x00\x20 no record of this session's"}) {
    reconnect();
    secure();
    CAF_REQUIRE(peer.send(sealed({"last"}) + std::string{after}));
    peer.close();
    CAF_REQUIRE(run_until([this] { return near.may_read(); }));
    CAF_CHECK_EQUAL(read_all(2), "last");
    CAF_CHECK(run_until([this] { return near.may_read(); }));
    char room[8];
    CAF_CHECK(near.read(room).failed());
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
