#define CAF_SUITE actors.net.socket
#include "actors/net/socket.hpp" // unit under test

#include <array>
#include <cerrno>

#include "tests/actors/loop/back_ends.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

struct counter final : ready_handler {
  void fire() override { ++fired; }
  int fired = 0;
};

/// A socket under test on a loop, and the scripted peer of its TCP connection.
struct connection {
  explicit connection(stand& on) : at(on) {
    auto [mine, theirs] = tcp_pair(at.on());
    peer = std::move(theirs);
    opened = sock.open(at.loop, mine.release(), &handler);
    at.turn();
  }
  /// Sends what the socket then knows of.
  void peer_sends(std::string_view bytes) {
    peer.send(bytes);
    CAF_REQUIRE(at.run_until([this] { return sock.may_read(); }));
  }
  void peer_ends() {
    peer.finish();
    if (tells_of_end(at.kind))
      CAF_REQUIRE(at.run_until([this] { return sock.peer_done(); }));
  }
  /// There is something left to read: known at once where the system tells of the end ahead.
  bool may_still_read() {
    return tells_of_end(at.kind) ? sock.may_read()
                                 : at.run_until([this] { return sock.may_read(); });
  }
  std::string read_some(size_t limit = 1024) {
    auto got = sock.read(at.loop.scratch().first(limit));
    return got.ok() ? std::string(at.loop.scratch().data(), got.size) : "";
  }

  stand& at;
  counter handler;
  endpoint_fd peer;
  proxy::socket sock;
  bool opened = false;
};

struct fixture : stand, connection {
  explicit fixture(back_end which) : stand(which), connection(static_cast<stand&>(*this)) {
    CAF_MESSAGE(test::to_string(which));
  }
};

} // namespace

CAF_TEST(a connected socket may write and not yet read) {
  for (auto kind : back_ends) {
    fixture f{kind};
    CAF_CHECK(f.opened);
    CAF_CHECK(f.sock.may_write());
    CAF_CHECK(!f.sock.may_read());
    CAF_CHECK(!f.sock.peer_done());
    CAF_CHECK_EQUAL(f.handler.fired, 1);
  }
}

CAF_TEST(a read that gets less than it asked for knows that nothing is left) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer_sends("hello");
    CAF_CHECK_EQUAL(f.read_some(), "hello");
    CAF_CHECK(!f.sock.may_read());
    f.peer_sends("again");
    CAF_CHECK_EQUAL(f.read_some(), "again");
  }
}

CAF_TEST(a read that gets all it asked for knows nothing of the rest) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer_sends("hello");
    CAF_CHECK_EQUAL(f.read_some(5), "hello");
    CAF_CHECK(f.sock.may_read());
    CAF_CHECK(f.sock.read(f.loop.scratch()).blocked());
    CAF_CHECK(!f.sock.may_read());
  }
}

CAF_TEST(after the last byte of the peer a short read still leaves the end to be read) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer_sends("bye");
    f.peer_ends();
    CAF_CHECK_EQUAL(f.read_some(), "bye");
    CAF_CHECK(f.may_still_read());
    CAF_CHECK(f.sock.read(f.loop.scratch()).ended());
    CAF_CHECK(f.sock.may_write()); // half-closed only
    CAF_CHECK(f.sock.write("still here").ok());
  }
}

CAF_TEST(an end that comes after a short read is heard of) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer_sends("bye");
    CAF_CHECK_EQUAL(f.read_some(), "bye");
    CAF_CHECK(!f.sock.may_read());
    f.peer_ends();
    CAF_CHECK(f.may_still_read());
    CAF_CHECK(f.sock.read(f.loop.scratch()).ended());
  }
}

CAF_TEST(a full buffer ends writing until the peer has read) {
  for (auto kind : back_ends) {
    fixture f{kind};
    std::string block(1 << 20, 'b');
    size_t sent = 0;
    auto fill = [&] {
      for (int i = 0; i < 1000 && f.sock.may_write(); ++i)
        if (auto put = f.sock.write(block); put.ok())
          sent += put.size;
    };
    fill();
    CAF_CHECK(!f.sock.may_write());
    CAF_CHECK(sent > 0);
    // The peer's buffer may take some more a little later: full is what stays full.
    CAF_CHECK(f.run_until([&] {
      fill();
      f.run_for(20ms);
      return !f.sock.may_write();
    }));
    size_t got = 0;
    CAF_CHECK(f.run_until([&] {
      got += f.peer.drain();
      return f.sock.may_write();
    }));
  }
}

CAF_TEST(parts are written as one) {
  for (auto kind : back_ends) {
    fixture f{kind};
    std::string head = "head ";
    std::string body = "body";
    std::array parts{iovec{head.data(), head.size()}, iovec{body.data(), body.size()}};
    auto put = f.sock.write(std::span<const iovec>{parts});
    CAF_CHECK(put.ok());
    CAF_CHECK_EQUAL(put.size, 9u);
    CAF_CHECK_EQUAL(f.peer.receive(), "head body");
  }
}

CAF_TEST(a reset of the peer fails the read and names the error) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer.reset();
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    auto got = f.sock.read(f.loop.scratch());
    CAF_CHECK(got.failed());
    CAF_CHECK_EQUAL(got.error, ECONNRESET);
  }
}

CAF_TEST(a write to a peer that is gone fails without a signal) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer.reset();
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    (void)f.sock.read(f.loop.scratch());
    auto put = f.sock.write("x");
    CAF_CHECK(put.failed());
    CAF_CHECK_EQUAL(put.error, EPIPE);
  }
}

CAF_TEST(closing is the end for the peer and aborting a reset) {
  for (auto kind : back_ends) {
    {
      fixture f{kind};
      f.sock.close();
      CAF_CHECK(!f.sock.is_open());
      auto got = f.peer.read_byte();
      CAF_CHECK_EQUAL(got, 0);
      f.sock.close(); // once more does no harm
    }
    {
      fixture f{kind};
      f.sock.abort();
      CAF_CHECK(!f.sock.is_open());
      auto got = f.peer.read_byte();
      CAF_CHECK_EQUAL(got, -ECONNRESET);
    }
  }
}

CAF_TEST(closing with bytes that nobody has read is a reset for the peer) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.peer_sends("unread");
    f.sock.close();
    auto got = f.peer.read_byte();
    CAF_CHECK_EQUAL(got, -ECONNRESET);
  }
}

CAF_TEST(the end of stream is sent and the other direction stays open) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.sock.shutdown_write();
    auto got = f.peer.read_byte();
    CAF_CHECK_EQUAL(got, 0);
    f.peer_sends("answer");
    CAF_CHECK_EQUAL(f.read_some(), "answer");
  }
}

CAF_TEST(events go to whom the socket belongs) {
  for (auto kind : back_ends) {
    fixture f{kind};
    counter other;
    auto before = f.handler.fired;
    f.sock.belong_to(&other);
    f.peer_sends("x");
    CAF_CHECK_EQUAL(f.handler.fired, before);
    CAF_CHECK(other.fired > 0);
    (void)f.read_some();
    f.sock.belong_to(nullptr);
    f.peer_sends("y"); // heard by nobody, and known
  }
}

CAF_TEST(a descriptor that cannot be watched is closed and refused) {
  for (auto kind : back_ends) {
    stand f{kind};
    auto fd = f.network().open(socket_kind::stream, AF_INET);
    f.network().close(fd);
    proxy::socket sock;
    CAF_CHECK(!sock.open(f.loop, fd, nullptr));
    CAF_CHECK(!sock.is_open());
  }
}

CAF_TEST(a refused connection is known by its error) {
  for (auto kind : back_ends) {
    CAF_MESSAGE(to_string(kind));
    stand f{kind};
    auto listener = tcp_listener(f.on());
    auto name = f.network().local_address(listener.fd);
    listener.close();
    endpoint_fd fd{f.network().open(socket_kind::stream, AF_INET), f.on()};
    auto status = f.network().connect(fd.fd, name.get(), name.size);
    auto error = status == 0 ? 0 : errno;
    CAF_CHECK(error == 0 || error == EINPROGRESS || error == ECONNREFUSED);
    if (error == ECONNREFUSED)
      continue; // known at once
    proxy::socket sock;
    CAF_REQUIRE(sock.open(f.loop, fd.release(), nullptr, proxy::socket::origin::dialled));
    CAF_CHECK(f.run_until([&] { return sock.may_write(); }));
    CAF_CHECK(sock.dead());
    error = sock.take_error();
    CAF_CHECK_EQUAL(error, ECONNREFUSED);
  }
}

CAF_TEST(bytes go from socket to socket through a pipe) {
  for (auto kind : back_ends) {
    if (!splices(kind) || gathers(kind)) // what is read ahead is not spliced
      continue;
    fixture from{kind};
    connection to{from.at};
    auto ends = from.loop.pipes().borrow();
    CAF_REQUIRE(ends);
    from.peer_sends("through the pipe");
    auto in = from.sock.splice_to(ends, 1 << 20);
    CAF_REQUIRE(in.ok());
    CAF_CHECK_EQUAL(in.size, 16u);
    CAF_CHECK(from.sock.may_read()); // a short splice proves nothing
    CAF_CHECK(from.sock.splice_to(ends, 1 << 20).blocked());
    CAF_CHECK(!from.sock.may_read());
    auto out = to.sock.splice_from(ends, in.size, false);
    CAF_REQUIRE(out.ok());
    CAF_CHECK_EQUAL(out.size, 16u);
    auto got = to.peer.receive();
    CAF_CHECK_EQUAL(got, "through the pipe");
    from.peer_ends();
    CAF_CHECK(from.sock.splice_to(ends, 1 << 20).ended());
    from.loop.pipes().give_back(ends);
  }
}

CAF_TEST(a pipe into a full socket keeps what does not fit) {
  for (auto kind : back_ends) {
    if (!splices(kind) || gathers(kind)) // what is read ahead is not spliced
      continue;
    fixture from{kind};
    connection to{from.at};
    auto ends = from.loop.pipes().borrow();
    CAF_REQUIRE(ends);
    std::string block(32 * 1024, 's');
    size_t in_pipe = 0;
    size_t sent = 0;
    for (int i = 0; i < 10'000 && to.sock.may_write(); ++i) {
      if (in_pipe == 0) {
        from.peer_sends(block);
        if (auto in = from.sock.splice_to(ends, block.size()); in.ok())
          in_pipe = in.size;
      }
      if (auto out = to.sock.splice_from(ends, in_pipe, false); out.ok()) {
        in_pipe -= out.size;
        sent += out.size;
      }
    }
    CAF_CHECK(!to.sock.may_write());
    CAF_CHECK(in_pipe > 0);
    size_t got = 0;
    CAF_CHECK(from.run_until([&] {
      got += to.peer.drain();
      return to.sock.may_write();
    }));
    auto out = to.sock.splice_from(ends, in_pipe, false);
    CAF_REQUIRE(out.ok());
    sent += out.size;
    CAF_CHECK(from.run_until([&] { return (got += to.peer.drain()) >= sent; }));
    CAF_CHECK_EQUAL(got, sent);
    from.loop.pipes().discard(ends);
  }
}

CAF_TEST(a pipe that was given back is borrowed again) {
  for (auto kind : back_ends) {
    if (!splices(kind))
      continue;
    stand f{kind};
    pipe_pool pool{f.network()};
    auto ends = pool.borrow();
    CAF_REQUIRE(ends);
    auto fd = ends.read;
    pool.give_back(ends);
    ends = pool.borrow();
    CAF_CHECK_EQUAL(ends.read, fd);
    auto other = pool.borrow();
    CAF_CHECK_NOT_EQUAL(other.read, fd);
    pool.discard(ends);
    pool.discard(other);
  }
}
