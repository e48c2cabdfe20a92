#pragma once

#include "actors/net/http2_link.hpp"
#include "actors/serve/upstream/upstream.hpp"
#include "tests/actors/granting.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

inline constexpr std::string_view get_x = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr std::string_view no_content = "HTTP/1.1 204 No Content\r\n\r\n";

struct counter final : ready_handler {
  void fire() override { ++fired; }
  int fired = 0;
};

/// A link to an upstream that the test plays, with a pool to share it.
struct link_fixture : loop_fixture {
  link_fixture() {
    limits.max_idle_upstreams = 2;
    limits.max_idle_upstreams_per_origin = 2;
    timeouts.upstream_idle = 50ms;
    pool.begin_generation(0, limits, timeouts);
  }

  std::shared_ptr<http2_link> connected() {
    auto [mine, theirs] = tcp_pair();
    far = std::move(theirs);
    peer = std::make_unique<http2::session>(http2::role::server, http2::session_limits{});
    auto carrier = std::make_unique<upstream>();
    carrier->key = key;
    CAF_REQUIRE(carrier->io.open(loop, mine.release(), &handler));
    auto& io = carrier->io;
    auto link = std::make_shared<http2_link>(
      loop, std::shared_ptr<const upstream>{std::move(carrier)}, io, limits_of(limits));
    link->start();
    CAF_REQUIRE(play_until([&] { return link->session().is_ready(); }));
    return link;
  }

  /// Lets the upstream's session read and write until something holds.
  template <class Predicate>
  bool play_until(Predicate done) {
    return run_until([&] {
      for (auto bytes = peer->output(); !bytes.empty(); bytes = peer->output())
        (void)far.send(bytes);
      for (auto bytes = far.receive(); !bytes.empty(); bytes = far.receive())
        CAF_CHECK(!peer->receive(bytes));
      return done();
    });
  }

  /// The stream that the upstream sees next.
  http2::stream& next_stream() {
    http2::stream* opened = nullptr;
    CAF_REQUIRE(play_until([&] { return (opened = peer->accept()) != nullptr; }));
    return *opened;
  }

  static std::string read(transport& from) {
    std::string out(4096, '\0');
    auto got = from.read(out);
    out.resize(got.size);
    return out;
  }

  upstream_key key{true, "a", 443, {}};
  granting now;
  config::limits limits;
  config::timeouts timeouts;
  counter handler;
  upstream_pool pool{loop};
  std::unique_ptr<http2::session> peer;
  endpoint_fd far;
};

} // namespace proxy::test
