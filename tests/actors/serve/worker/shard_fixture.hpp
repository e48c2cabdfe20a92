#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/admin/admin_flow.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/loop/task/request.hpp"
#include "actors/serve/worker/shard.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/config/support.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

/// Where an answer will be.
template <class T>
using slot = std::shared_ptr<std::optional<T>>;

/// Asks once and keeps the answer; it lives on the loop like those it asks.
using asking_actor = caf::typed_actor<caf::reacts_to<int>>;

template <class T, class... Ts>
asking_actor::behavior_type asking(pinned_actor<asking_actor>* self, const shard_actor& whom,
                                   const slot<T>& into, const Ts&... xs) {
  auto keep = [self, into](caf::expected<T> answer) {
    if (answer)
      into->emplace(std::move(*answer));
    self->quit();
  };
  request_until<T>(self, self->loop().now() + 60s, whom, keep, xs...);
  return {[](int) {}};
}

/// The far end of a connection, which says and hears exactly what the test wants.
struct far_end : endpoint_fd {
  using endpoint_fd::endpoint_fd;
  explicit far_end(endpoint_fd&& other) : endpoint_fd(std::move(other)) {}

  /// Takes in what has come. @returns all of it so far.
  const std::string& heard() {
    char block[4096];
    for (;;) {
      auto n = ::recv(fd, block, sizeof block, 0);
      if (n > 0) {
        text.append(block, static_cast<size_t>(n));
        continue;
      }
      if (end.empty() && n == 0)
        end = "end";
      else if (end.empty() && errno == ECONNRESET)
        end = "reset"; // told once: an end follows it
      return text;
    }
  }
  bool hears(std::string_view what) { return heard().find(what) != std::string::npos; }
  /// "" while open, else "end" or "reset".
  const std::string& ended() {
    (void)heard();
    return end;
  }

  std::string text;
  std::string end;
};

/// One shard on a loop that the test turns, serving clients over loopback.
struct shard_fixture : loop_fixture, config::test::folder {
  shard_fixture() {
    process->admin_flow = admin_flow;
    process->log =
      std::make_shared<logger>(config::log{}, [](std::string_view) { return size_t{0}; });
    shard = start(0);
  }

  ~shard_fixture() {
    for (auto& each : {shard, other})
      if (each)
        caf::anon_send(each, atom::abort_v);
    shard = other = nullptr;
    settle();
  }

  shard_actor start(size_t index) {
    return spawn_pinned(loop, proxy::shard, shard_start{index, process, closed_snapshot(), {}, {}});
  }

  template <class T, class... Ts>
  slot<T> ask(const shard_actor& whom, Ts... xs) {
    auto into = std::make_shared<std::optional<T>>();
    spawn_pinned(loop, asking<T, Ts...>, whom, into, xs...);
    settle();
    return into;
  }
  template <class T, class... Ts>
  T answer(Ts... xs) {
    auto into = ask<T>(shard, xs...);
    CAF_REQUIRE(run_until([&] { return into->has_value(); }));
    return std::move(**into);
  }

  /// A generation with these lines in the network table. Its listeners stay while their address
  /// does.
  prepared compiled(const std::string& lines) {
    write("config.toml",
          config::test::newer("enable_socks5 = false\nproxy_url = \"127.0.0.1:0\"\n" + lines) +
            "\n[network_proxy]\nadmin_url = \"http://127.0.0.1:0\"\n");
    auto out = prepare(from(), ++generation, bound);
    CAF_REQUIRE(out.next);
    bound = out.listeners;
    return out;
  }
  /// Installs it. @returns how many tunnels that closed.
  uint64_t install(const std::string& lines) {
    auto out = compiled(lines);
    return answer<uint64_t>(atom::install_v, out.next, out.listeners);
  }

  [[nodiscard]] uint16_t port_of(endpoint serves) const {
    for (const auto& l : bound)
      if (l->serves == serves)
        return l->port;
    return 0;
  }

  /// A client of the proxy, or of the admin API. It is connected, or -1.
  static far_end connect(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd);
      return far_end{};
    }
    return far_end{fd};
  }
  far_end client() { return connect(port_of(endpoint::http)); }

  bool hears(far_end& who, std::string_view what) {
    return run_until([&] { return who.hears(what); });
  }
  bool ends(far_end& who, std::string_view how) {
    return run_until([&] { return !who.ended().empty(); }) && who.ended() == how;
  }

  std::shared_ptr<process_state> process = std::make_shared<process_state>(2);
  shard_actor shard, other;
  uint64_t generation = 0;
  listener_set bound;
};

/// An origin that accepts when it is told to.
struct scripted_origin {
  endpoint_fd listener = tcp_listener();
  [[nodiscard]] uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(port()); }
  far_end accept() const { return far_end{tcp_accept(listener)}; }
};

} // namespace proxy::test
