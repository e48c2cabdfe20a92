#define CAF_SUITE actors.net.gathered_writes
#include "actors/net/socket.hpp" // unit under test

#include <algorithm>
#include <cerrno>

#include "tests/actors/net/gathered.hpp"

using namespace proxy;
using namespace proxy::test;

using fixture = gathered_fixture;

CAF_TEST(what a flow writes goes out when the turn ends and in its order) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.in_a_turn([&] {
      CAF_CHECK_EQUAL(f.sock.write("one ").size, 4u);
      CAF_CHECK_EQUAL(f.sock.write("two ").size, 4u);
      std::string head = "three ";
      std::string body = "four";
      std::array parts{iovec{head.data(), head.size()}, iovec{body.data(), body.size()}};
      CAF_CHECK_EQUAL(f.sock.write(std::span<const iovec>{parts}).size, 10u);
      CAF_CHECK_EQUAL(f.peer.receive(), ""); // not yet
      f.sock.shutdown_write();
    });
    CAF_CHECK_EQUAL(f.peer_gets(18), "one two three four");
    CAF_CHECK_EQUAL(f.peer.read_byte(), 0);
    CAF_CHECK(f.sock.may_write());
  }
}

CAF_TEST(a socket that is closed with a write queued has sent it) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.in_a_turn([&] {
      (void)f.sock.write("last words");
      f.sock.close();
      CAF_CHECK(!f.sock.is_open());
    });
    CAF_CHECK_EQUAL(f.peer_gets(10), "last words");
    CAF_CHECK_EQUAL(f.peer.read_byte(), 0);
  }
}

CAF_TEST(a socket that is aborted has sent what it wrote before) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.in_a_turn([&] {
      (void)f.sock.write("so far");
      f.sock.abort();
      CAF_CHECK(!f.sock.is_open());
    });
    std::string got;
    auto outcome = 1;
    for (char byte; (outcome = f.peer.read_byte(byte)) == 1;)
      got += byte;
    CAF_CHECK_EQUAL(outcome, -ECONNRESET);
    if (!is_made_up(kind)) // there a reset overtakes
      CAF_CHECK_EQUAL(got, "so far");
  }
}

CAF_TEST(a large write goes after the small ones before it) {
  for (auto kind : gathering) {
    fixture f{kind};
    std::string large(call_batch::max_write + 1, 'l');
    f.in_a_turn([&] {
      (void)f.sock.write("small");
      CAF_CHECK_EQUAL(f.sock.write(large).size, large.size());
      (void)f.sock.write("again");
    });
    CAF_CHECK_EQUAL(f.peer_gets(large.size() + 10), "small" + large + "again");
  }
}

CAF_TEST(more is written in a turn than there is room for at once) {
  for (auto kind : gathering) {
    fixture f{kind};
    std::string sent;
    f.in_a_turn([&] {
      for (char c = 'a'; c <= 'z'; ++c) {
        std::string block(call_batch::max_write, c);
        auto put = f.sock.write(block);
        if (put.ok())
          sent += block.substr(0, put.size);
      }
    });
    CAF_CHECK(sent.size() > call_batch::max_write);
    CAF_CHECK(f.peer_gets(sent.size()) == sent);
  }
}

namespace {

/// Writes blocks, each in a turn of its own, until the socket takes no more.
/// @returns all that it has taken.
std::string fill(fixture& f) {
  std::string sent;
  for (int i = 0; f.sock.may_write() && i < 10'000; ++i)
    f.in_a_turn([&] {
      std::string block(call_batch::max_write - 7, static_cast<char>('a' + i % 26));
      if (auto put = f.sock.write(block); put.ok())
        sent += block.substr(0, put.size);
    });
  CAF_CHECK(!f.sock.may_write());
  return sent;
}

} // namespace

CAF_TEST(what the kernel does not take at once is sent when there is room) {
  for (auto kind : gathering) {
    fixture f{kind};
    auto sent = fill(f);
    CAF_CHECK(f.sock.write(std::string(call_batch::max_write + 1, 'n')).blocked());
    f.sock.shutdown_write();
    std::string got;
    CAF_CHECK(f.run_until([&] {
      got += f.peer.receive();
      return got.size() >= sent.size();
    }));
    CAF_CHECK(got == sent);
    CAF_CHECK(f.run_until([&] { return f.sock.may_write() && f.peer.read_byte() == 0; }));
  }
}

CAF_TEST(a full socket that is closed still sends what it has taken) {
  for (auto kind : gathering) {
    fixture f{kind};
    auto sent = fill(f);
    auto before = f.peer_gets(1);
    f.in_a_turn([&] { f.sock.close(); });
    auto got = before + f.peer_gets(sent.size() - before.size());
    CAF_CHECK(got == sent);
    CAF_CHECK(f.run_until([&] { return f.peer.read_byte() == 0; }));
  }
}

namespace {

/// Makes calls as a kernel does whose buffers are nearly full: of a write it takes a few bytes.
struct cutting final : call_executor {
  explicit cutting(proxy::network& on, ssize_t outcome)
    : how(make_plain_executor(on)), takes(outcome) {}
  void run(std::span<socket_call> calls) noexcept override {
    for (auto& call : calls) {
      auto is_write = call.what == socket_call::kind::write;
      if (is_write && takes <= 0) {
        call.result = takes; // fails so
        continue;
      }
      auto size = call.size;
      if (is_write)
        call.size = std::min(call.size, static_cast<size_t>(takes));
      how->run({&call, 1});
      call.size = size;
    }
  }
  std::unique_ptr<call_executor> how;
  ssize_t takes;
};

constexpr back_end cut[] = {back_end::usual, back_end::made_up};

} // namespace

CAF_TEST(whoever closes right after a write that is cut short still sends all of it) {
  for (auto kind : cut)
    for (ssize_t takes : {3, 1, -EAGAIN}) {
      fixture f{kind};
      f.loop.calls().use(std::make_unique<cutting>(f.network(), takes), 0);
      f.in_a_turn([&] {
        CAF_CHECK_EQUAL(f.sock.write("to the last byte").size, 16u);
        f.sock.shutdown_write();
        f.sock.close();
      });
      CAF_CHECK_EQUAL(f.peer_gets(16), "to the last byte");
      CAF_CHECK(f.run_until([&] { return f.peer.read_byte() == 0; }));
    }
}

CAF_TEST(what is written after a write that is cut short goes behind its rest) {
  for (auto kind : cut)
    for (ssize_t takes : {5, -EAGAIN, -EINTR}) {
      fixture f{kind};
      f.loop.calls().use(std::make_unique<cutting>(f.network(), takes), 0);
      std::string large(call_batch::max_write + 1, 'l');
      f.in_a_turn([&] {
        CAF_CHECK_EQUAL(f.sock.write("first half and second").size, 21u);
        // Too large to be queued, so it finds out how the first one ended.
        auto put = f.sock.write(large);
        CAF_CHECK(put.blocked() || takes == -EINTR);
        if (put.ok())
          f.sock.close();
      });
      if (!f.sock.is_open()) // an interrupted call is made again at once
        continue;
      CAF_CHECK(!f.sock.may_write());
      CAF_CHECK(f.sock.write(large).blocked());
      CAF_CHECK(f.sock.write(" and last words").ok()); // such as the end of TLS
      f.sock.close();
      CAF_CHECK_EQUAL(f.peer_gets(36), "first half and second and last words");
      CAF_CHECK(f.run_until([&] { return f.peer.read_byte() == 0; }));
    }
}

CAF_TEST(a write that is interrupted is made again) {
  for (auto kind : cut) {
    fixture f{kind};
    f.loop.calls().use(std::make_unique<cutting>(f.network(), -EINTR), 0);
    f.in_a_turn([&] { (void)f.sock.write("again"); });
    CAF_CHECK_EQUAL(f.peer_gets(5), "again");
    CAF_CHECK(f.sock.may_write());
  }
}

CAF_TEST(a reset that a queued write meets is no end of what the peer sends) {
  for (auto kind : gathering)
    for (auto reads_ahead : {false, true}) {
      fixture f{kind};
      if (reads_ahead)
        f.peer.send("so far");
      f.run_for(20ms);
      f.in_a_turn([&] {
        f.peer.reset();
        (void)f.sock.write("x"); // is told of the reset, once: the next call of the kernel is not
      });
      CAF_REQUIRE(f.run_until([&] { return f.sock.dead(); }));
      auto got = f.sock.read(f.loop.scratch());
      if (got.ok())
        got = f.sock.read(f.loop.scratch());
      CAF_CHECK(got.failed());
      CAF_CHECK_EQUAL(got.error, ECONNRESET);
    }
}

CAF_TEST(a write that was lost is told once and fails those after it) {
  for (auto kind : cut) {
    fixture f{kind};
    f.loop.calls().use(std::make_unique<cutting>(f.network(), -ENOBUFS), 0);
    f.in_a_turn([&] { (void)f.sock.write("lost"); });
    CAF_CHECK(f.sock.dead());
    auto waiting = f.sock.read(f.loop.scratch());
    CAF_CHECK(waiting.failed());
    CAF_CHECK_EQUAL(waiting.error, ENOBUFS);
    CAF_CHECK_EQUAL(f.sock.take_lost_write(), ENOBUFS);
    CAF_CHECK_EQUAL(f.sock.take_lost_write(), 0);
    CAF_CHECK(f.sock.read(f.loop.scratch()).blocked()); // an answer may still come
    f.peer.send("answer");
    f.on().settle();
    CAF_CHECK_EQUAL(f.read_some(), "answer");
    CAF_CHECK_EQUAL(f.sock.write("more").error, ENOBUFS);
  }
}

CAF_TEST(what is written once there is room again goes after what had none) {
  for (auto kind : gathering) {
    fixture f{kind};
    auto sent = fill(f);
    std::string got;
    CAF_CHECK(f.run_until([&] {
      got += f.peer.receive();
      return f.sock.may_write();
    }));
    f.in_a_turn([&] { CAF_CHECK(f.sock.write("at last").ok()); });
    CAF_CHECK(f.run_until([&] {
      got += f.peer.receive();
      return got.size() >= sent.size() + 7;
    }));
    CAF_CHECK(got == sent + "at last");
  }
}

CAF_TEST(a write that fails wakes its flow and shows at the next one) {
  for (auto kind : cut) {
    fixture f{kind};
    f.loop.calls().use(std::make_unique<cutting>(f.network(), -EPIPE), 0);
    f.in_a_turn([&] { CAF_CHECK(f.sock.write("x").ok()); });
    auto before = f.handler.fired;
    f.loop.turn(0ms);
    CAF_CHECK(f.handler.fired > before);
    for (int i = 0; i < 2; ++i) {
      auto put = f.sock.write("y");
      CAF_CHECK(put.failed());
      CAF_CHECK_EQUAL(put.error, EPIPE);
    }
  }
}

CAF_TEST(what is still to be sent counts as memory that is held) {
  for (auto kind : cut) {
    memory_budget all;
    fixture f{kind};
    auto held = [&] {
      f.loop.memory().belong_to(all);
      f.loop.memory().leave();
      return all.held.load();
    };
    f.loop.calls().use(std::make_unique<cutting>(f.network(), -EAGAIN), 0);
    std::string block(call_batch::max_write, 'b');
    f.in_a_turn([&] { (void)f.sock.write(block); });
    CAF_CHECK_EQUAL(held(), static_cast<int64_t>(block.size()));
    f.sock.close();
    CAF_CHECK_EQUAL(held(), static_cast<int64_t>(block.size()));
    (void)f.peer_gets(block.size());
    f.run_for(20ms);
    CAF_CHECK_EQUAL(held(), 0);
  }
}

CAF_TEST(a peer that takes nothing of what a closed socket owes it is cut off) {
  fixture f{back_end::made_up_gathered};
  auto sent = fill(f);
  f.sock.close();
  f.run_for(61s);
  size_t got = 0;
  auto last = 1;
  for (; (last = f.peer.read_byte()) == 1; ++got)
    ;
  CAF_CHECK(got < sent.size());
  CAF_CHECK_EQUAL(last, -ECONNRESET); // and not the end: it is not whole
}

CAF_TEST(a flow that is woken by another socket of the turn writes after what is still owed) {
  for (auto kind : gathering) {
    fixture f{kind};
    beside other{f};
    auto sent = fill(f);
    std::string got;
    auto wrote = false;
    f.handler.act = [&] {
      if (other.sock.may_read())
        (void)other.sock.read(f.loop.scratch());
      if (!wrote && f.sock.may_write())
        wrote = f.sock.write("at last").ok();
    };
    CAF_CHECK(f.run_until([&] {
      (void)other.peer.send("x"); // wakes the flow in the turn in which there is room again
      got += f.peer.receive();
      return got.size() >= sent.size() + 7;
    }));
    CAF_CHECK(got == sent + "at last");
  }
}
