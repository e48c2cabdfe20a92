#define CAF_SUITE actors.net.gathered_reads
#include "actors/net/socket.hpp" // unit under test

#include <cerrno>
#include <vector>

#include "tests/actors/net/gathered.hpp"

using namespace proxy;
using namespace proxy::test;

using fixture = gathered_fixture;

CAF_TEST(bytes that were read ahead wait until they are read) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.peer.send("hello");
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    CAF_CHECK(f.sock.has_input());
    CAF_CHECK(f.sock.has_read_ahead());
    CAF_CHECK_EQUAL(f.read_some(2), "he");
    CAF_CHECK(f.sock.may_read());
    CAF_CHECK_EQUAL(f.read_some(), "llo");
    CAF_CHECK(!f.sock.may_read());
    CAF_CHECK(!f.sock.has_read_ahead());
  }
}

CAF_TEST(what comes behind bytes that were read ahead is not forgotten) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.peer.send("first ");
    CAF_REQUIRE(f.run_until([&] { return f.sock.has_read_ahead(); }));
    f.peer.send("second");
    f.run_for(20ms);
    std::string got;
    CAF_CHECK(f.run_until([&] {
      if (f.sock.may_read())
        got += f.read_some();
      return got == "first second";
    }));
    CAF_CHECK(!f.sock.may_read());
    f.peer.send("third");
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    CAF_CHECK_EQUAL(f.read_some(), "third");
  }
}

CAF_TEST(a flow that is woken by another socket of the turn forgets nothing that has come) {
  for (auto kind : gathering)
    for (auto other_first : {false, true}) {
      fixture f{kind};
      beside other{f};
      f.peer.send("one ");
      CAF_REQUIRE(f.run_until([&] { return f.sock.has_read_ahead(); }));
      // Both become ready in one turn. Whichever is told first, the flow looks at both then.
      std::string got;
      f.handler.act = [&] {
        if (f.sock.may_read())
          got += f.read_some();
        if (other.sock.may_read())
          (void)other.sock.read(f.loop.scratch());
      };
      for (auto* each : {other_first ? &other.peer : &f.peer, other_first ? &f.peer : &other.peer})
        each->send(each == &f.peer ? "two" : "x");
      CAF_CHECK(f.run_until([&] { return got == "one two"; }));
      f.run_for(20ms);
      f.peer.send(" three");
      CAF_CHECK(f.run_until([&] { return got == "one two three"; }));
    }
}

CAF_TEST(the end behind bytes that were read ahead is met) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.peer.send("bye");
    CAF_REQUIRE(f.run_until([&] { return f.sock.has_read_ahead(); }));
    f.peer.finish();
    f.run_for(20ms);
    CAF_CHECK_EQUAL(f.read_some(), "bye");
    CAF_CHECK(f.run_until([&] { return f.sock.may_read(); }));
    CAF_CHECK(f.sock.read(f.loop.scratch()).ended());
  }
}

CAF_TEST(an end that was read ahead is met whenever it is read) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.peer.finish();
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    f.run_for(20ms);
    CAF_CHECK(f.sock.has_input());
    CAF_CHECK(f.sock.read(f.loop.scratch()).ended());
    CAF_CHECK(f.sock.read(f.loop.scratch()).ended());
  }
}

CAF_TEST(more than a slot takes is read to its end) {
  for (auto kind : gathering) {
    fixture f{kind};
    std::string sent;
    for (int i = 0; i < 5; ++i)
      sent += std::string(call_batch::slot_size / 2, static_cast<char>('a' + i));
    f.peer.send(sent);
    f.run_for(20ms);
    std::string got;
    CAF_CHECK(f.run_until([&] {
      got += f.read_some(sent.size() + 1);
      return got.size() >= sent.size();
    }));
    CAF_CHECK(got == sent);
    CAF_CHECK(!f.sock.may_read());
  }
}

CAF_TEST(a flow reads in its turn what was read ahead for it) {
  for (auto kind : gathering) {
    fixture f{kind};
    std::vector<std::string> got;
    f.handler.act = [&] {
      if (f.sock.may_read())
        got.push_back(f.read_some());
    };
    f.peer.send("one");
    CAF_CHECK(f.run_until([&] { return got.size() == 1; }));
    f.peer.send("two");
    CAF_CHECK(f.run_until([&] { return got.size() == 2; }));
    CAF_CHECK(got == (std::vector<std::string>{"one", "two"}));
    CAF_CHECK(!f.sock.has_read_ahead());
    CAF_CHECK(!f.sock.may_read());
  }
}

CAF_TEST(a socket that is closed with bytes read ahead resets its peer as it did without) {
  for (auto kind : gathering) {
    fixture f{kind};
    f.peer.send("unread");
    CAF_REQUIRE(f.run_until([&] { return f.sock.has_read_ahead(); }));
    f.sock.close();
    CAF_CHECK_EQUAL(f.peer.read_byte(), -ECONNRESET);
  }
  for (auto kind : gathering) {
    fixture f{kind};
    f.handler.act = [&] { f.sock.close(); };
    f.peer.send("unread");
    CAF_CHECK(f.run_until([&] { return f.peer.read_byte() == -ECONNRESET; }));
  }
}

CAF_TEST(a flow that closes another socket of its turn leaves nothing of it behind) {
  for (auto kind : gathering) {
    fixture f{kind};
    auto [mine, theirs] = tcp_pair(f.on());
    scripted_flow second;
    auto also = std::make_unique<proxy::socket>();
    CAF_REQUIRE(also->open(f.loop, mine.release(), &second));
    f.turn();
    // Whoever is woken first ends the other, whose bytes have been read ahead by then.
    auto woken = 0;
    f.handler.act = [&] {
      ++woken;
      also.reset();
    };
    second.act = [&] {
      ++woken;
      f.sock.close();
    };
    f.peer.send("to one");
    (void)theirs.send("to the other");
    CAF_CHECK(f.run_until([&] { return woken == 1; }));
    f.run_for(20ms);
    CAF_CHECK_EQUAL(woken, 1);
    CAF_CHECK(f.sock.is_open() != (also != nullptr));
  }
}

CAF_TEST(a refused connection keeps its error when calls are gathered) {
  for (auto kind : gathering) {
    fixture f{kind};
    auto listener = tcp_listener(f.on());
    auto name = f.network().local_address(listener.fd);
    listener.close();
    endpoint_fd fd{f.network().open(socket_kind::stream, AF_INET), f.on()};
    if (f.network().connect(fd.fd, name.get(), name.size) != 0 && errno == ECONNREFUSED)
      continue; // known at once
    proxy::socket refused;
    CAF_REQUIRE(refused.open(f.loop, fd.release(), nullptr, proxy::socket::origin::dialled));
    CAF_CHECK(f.run_until([&] { return refused.may_write(); }));
    CAF_CHECK(refused.dead());
    CAF_CHECK_EQUAL(refused.take_error(), ECONNREFUSED);
  }
}

CAF_TEST(nothing is read ahead when memory is short) {
  for (auto kind : gathering) {
    memory_budget all;
    all.limit = 0;
    fixture f{kind};
    f.loop.memory().belong_to(all);
    f.peer.send("hello");
    CAF_REQUIRE(f.run_until([&] { return f.sock.may_read(); }));
    CAF_CHECK(!f.sock.has_read_ahead());
    CAF_CHECK_EQUAL(f.read_some(), "hello");
    f.loop.memory().leave();
  }
}
