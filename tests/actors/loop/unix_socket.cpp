#define CAF_SUITE actors.loop.unix_socket
#include "actors/loop/system/network.hpp" // unit under test: sockets that have a path

#include <cerrno>
#include <filesystem>

#include "tests/actors/loop/back_ends.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// A server at a path.
struct fixture : stand {
  explicit fixture(back_end which) : stand(which) {
    CAF_MESSAGE(test::to_string(which));
    listener = bound(path);
    CAF_REQUIRE_EQUAL(network().listen(listener.fd), 0);
  }

  endpoint_fd open(socket_kind what) { return endpoint_fd{network().open(what, AF_UNIX), on()}; }
  endpoint_fd bound(const std::string& at) {
    auto made = open(socket_kind::listener);
    auto name = simulation::name_of(at);
    if (network().bind(made.fd, name.get(), name.size) != 0)
      made.close();
    return made;
  }
  /// @returns 0, or the errno that connecting ends with.
  int connect(endpoint_fd& who, const std::string& to) {
    who = open(socket_kind::stream);
    auto name = simulation::name_of(to);
    return network().connect(who.fd, name.get(), name.size) == 0 ? 0 : errno;
  }
  /// Both ends of a connection to the server.
  void begin() {
    CAF_REQUIRE_EQUAL(connect(client, path), 0);
    server = tcp_accept(listener);
    CAF_REQUIRE(server.fd >= 0);
  }

  config::test::folder files;
  std::string path = files.at("a.sock");
  endpoint_fd listener, client, server;
};

} // namespace

CAF_TEST(who connects to a path is there at once and bytes go both ways) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.begin();
    CAF_CHECK(f.client.send("question"));
    auto question = f.server.receive();
    CAF_CHECK_EQUAL(question, "question");
    CAF_CHECK(f.server.send("answer"));
    auto answer = f.client.receive();
    CAF_CHECK_EQUAL(answer, "answer");
    auto far = simulation::path_of(f.network().peer_address(f.client.fd));
    CAF_CHECK_EQUAL(far, f.path);
    auto near = simulation::path_of(f.network().peer_address(f.server.fd));
    CAF_CHECK_EQUAL(near, "");
  }
}

CAF_TEST(a path leads to whoever has its file whatever it is called) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.files.write("a-file", "");
    std::filesystem::create_symlink(f.path, f.files.at("link"));
    std::filesystem::create_hard_link(f.path, f.files.at("other"));
    auto silent = f.bound(f.files.at("silent"));
    struct row {
      std::string name;
      int error;
    };
    for (const auto& [name, error] : std::initializer_list<row>{
           {"a.sock", 0},
           {"link", 0},
           {"other", 0},
           {"none", ENOENT},
           {"a-file", ECONNREFUSED},
           {"silent", ECONNREFUSED}, // bound, and nobody listens
         }) {
      CAF_MESSAGE(name);
      endpoint_fd who;
      auto came_to = f.connect(who, f.files.at(name));
      CAF_CHECK_EQUAL(came_to, error);
    }
    f.listener.close();
    endpoint_fd late;
    auto came_to = f.connect(late, f.path); // its file is left
    CAF_CHECK_EQUAL(came_to, ECONNREFUSED);
  }
}

CAF_TEST(a name that is taken by any file cannot be bound) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.files.write("a-file", "");
    for (auto name : {"a.sock", "a-file"}) {
      auto second = f.bound(f.files.at(name));
      auto error = errno;
      CAF_CHECK(second.fd < 0);
      CAF_CHECK_EQUAL(error, EADDRINUSE);
    }
  }
}

CAF_TEST(the end of one half leaves the other one open) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.begin();
    CAF_CHECK(f.client.send("all"));
    f.client.finish();
    auto all = f.server.receive();
    CAF_CHECK_EQUAL(all, "all");
    auto end = f.server.read_byte();
    CAF_CHECK_EQUAL(end, 0);
    CAF_CHECK(f.server.send("answer"));
    auto answer = f.client.receive();
    CAF_CHECK_EQUAL(answer, "answer");
  }
}

CAF_TEST(who goes takes both halves along and what was sent before is read) {
  for (auto kind : back_ends) {
    fixture f{kind};
    f.begin();
    CAF_CHECK(f.server.send("last words"));
    f.server.close();
    CAF_CHECK(!f.client.send("anybody?"));
    auto error = errno;
    CAF_CHECK_EQUAL(error, EPIPE);
    auto words = f.client.receive();
    CAF_CHECK_EQUAL(words, "last words");
    auto end = f.client.read_byte();
    CAF_CHECK_EQUAL(end, 0);
  }
}

CAF_TEST(who goes with bytes unread or without having been accepted resets) {
  for (auto kind : back_ends)
    for (auto accepted : {true, false}) {
      fixture f{kind};
      f.begin();
      auto& who = accepted ? f.client : f.server;
      if (accepted) {
        CAF_CHECK(f.client.send("unread"));
        f.server.close();
      } else {
        CAF_REQUIRE_EQUAL(f.connect(f.server, f.path), 0);
        f.listener.close();
      }
      auto came_to = who.read_byte();
      CAF_CHECK_EQUAL(came_to, -ECONNRESET);
      auto end = who.read_byte();
      CAF_CHECK_EQUAL(end, 0);
    }
}
