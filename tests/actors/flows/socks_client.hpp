#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/actors/flows/stage.hpp"

/// What clients of SOCKS5 say (RFC 1928, RFC 1929), and a UDP socket in a made-up world.

namespace proxy::test {

constexpr uint8_t socks_connect = 1, socks_bind = 2, socks_associate = 3;

/// An address as it goes over the wire.
inline std::string raw_address(const ip_address& of) {
  const auto& all = of.bytes();
  std::string_view bytes{reinterpret_cast<const char*>(all.data()), all.size()};
  return std::string{of.is_v4() ? bytes.substr(12) : bytes};
}

inline std::string two_bytes(uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

/// An address field: literals in binary, all else as a name.
inline std::string socks_address(const std::string& host, uint16_t port) {
  if (auto literal = ip_address::parse(host))
    return (literal->is_v4() ? '\1' : '\4') + raw_address(*literal) + two_bytes(port);
  return '\3' + std::string(1, static_cast<char>(host.size())) + host + two_bytes(port);
}

inline std::string socks_request(uint8_t command, const std::string& host, uint16_t port) {
  return std::string{'\5', static_cast<char>(command), '\0'} + socks_address(host, port);
}

inline std::string socks_login(const std::string& user, const std::string& password) {
  return '\1' + std::string(1, static_cast<char>(user.size())) + user +
         std::string(1, static_cast<char>(password.size())) + password;
}

/// A greeting that offers these methods.
inline std::string socks_greeting(std::string_view methods) {
  return '\5' + std::string(1, static_cast<char>(methods.size())) + std::string{methods};
}

/// A client that nobody asks who it is, greeted.
inline party& socks_client(stage& s, uint16_t port = 1080) {
  using namespace std::string_literals;
  auto& who = s.client(port);
  who.say(socks_greeting("\0"s));
  CAF_REQUIRE(s.hears(who, "\5\0"s));
  who.forget();
  return who;
}

/// The code of the reply that a client gets; -1 when none comes.
inline int socks_reply(stage& s, party& who, std::chrono::nanoseconds span = 30s) {
  auto here = s.until([&] { return who.hears("") && who.text.size() >= 10; }, span);
  return here && who.text[0] == '\5' ? static_cast<uint8_t>(who.text[1]) : -1;
}

/// A tunnel through the SOCKS port. The reply has been taken out of its text.
inline party& socks_tunnel(stage& s, const std::string& host, uint16_t port) {
  auto& who = socks_client(s);
  who.say(socks_request(socks_connect, host, port));
  CAF_REQUIRE(socks_reply(s, who) == 0);
  who.forget();
  return who;
}

/// A UDP socket: keeps what comes to it.
class udp_end {
public:
  udp_end(stage& s, simulation::node& on, const std::string& at, uint16_t port = 0)
    : stage_(s), on_(on), fd_(on.open(socket_kind::datagram, ip(at).is_v4() ? AF_INET : AF_INET6)) {
    auto name = make_sockaddr(ip(at), port);
    CAF_REQUIRE_EQUAL(on.bind(fd_, name.get(), name.size), 0);
  }
  ~udp_end() { on_.close(fd_); }
  udp_end(const udp_end&) = delete;
  udp_end& operator=(const udp_end&) = delete;

  [[nodiscard]] uint16_t port() const { return on_.local_address(fd_).port(); }

  void send(const ip_sockaddr& to, std::string_view bytes) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    datagram_row row{&to, {&part, 1}, 0};
    (void)on_.send(fd_, {&row, 1});
  }

  /// Takes what has come.
  void move() {
    char block[70'000];
    ip_sockaddr from;
    for (ssize_t n; (n = on_.receive_from(fd_, block, &from)) >= 0;) {
      heard.emplace_back(block, static_cast<size_t>(n));
      last_from = from;
    }
  }
  /// Whether this datagram has come, whole and alone.
  [[nodiscard]] bool hears(std::string_view bytes, std::chrono::nanoseconds span = 10s) {
    return stage_.until(
      [&] {
        move();
        return std::ranges::find(heard, bytes) != heard.end();
      },
      span);
  }

  std::vector<std::string> heard;
  ip_sockaddr last_from; ///< Where the last one came from.

private:
  stage& stage_;
  simulation::node& on_;
  int fd_;
};

/// What the admin API answers: one request on a connection of its own.
inline std::string ask_admin(stage& s, const std::string& request, const std::string& fields = "",
                             const std::string& body = "") {
  auto& asks = s.client(8080);
  asks.say(request + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields +
           (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
           "\r\n" + body);
  CAF_CHECK(s.is_over(asks));
  return asks.text;
}

/// A counter of GET /metrics, by the part of its name behind the prefix, labels included.
inline int counted(stage& s, const std::string& series) {
  auto all = ask_admin(s, "GET /metrics");
  auto at = all.find("\ncodex_network_proxy_" + series + ' ');
  if (at == std::string::npos)
    CAF_FAIL("no such counter: " << series);
  return std::stoi(all.substr(all.find(' ', at) + 1));
}

/// All series of a counter whose name and first labels are these, added up.
inline int counted_all(stage& s, const std::string& beginning) {
  auto all = ask_admin(s, "GET /metrics");
  auto sum = 0;
  for (size_t at = 0;
       (at = all.find("\ncodex_network_proxy_" + beginning, at)) != std::string::npos; ++at)
    sum += std::stoi(all.substr(all.find("} ", at) + 2));
  return sum;
}

/// A datagram of a client, or to one (RFC 1928 §7).
inline std::string socks_datagram(const std::string& host, uint16_t port, std::string_view data) {
  return std::string(3, '\0') + socks_address(host, port) + std::string{data};
}

/// A UDP association: its connection, and where the client has to send to.
struct associated {
  party& control;
  ip_sockaddr relay;
};

inline ip_sockaddr relay_of(const party& control) {
  auto at = [&](size_t i) { return uint32_t{static_cast<uint8_t>(control.text[i])}; };
  auto address = ip_address::v4(at(4) << 24 | at(5) << 16 | at(6) << 8 | at(7));
  return make_sockaddr(address, static_cast<uint16_t>(at(8) << 8 | at(9)));
}

/// @param host, port  Where the client says that it will send from.
inline associated associate(stage& s, const std::string& host = "0.0.0.0", uint16_t port = 0) {
  auto& control = socks_client(s);
  control.say(socks_request(socks_associate, host, port));
  CAF_REQUIRE(socks_reply(s, control) == 0);
  return {control, relay_of(control)};
}

/// How many datagrams were dropped for this cause.
inline int dropped(stage& s, const std::string& cause) {
  return counted(s, "udp_dropped_total{cause=\"" + cause + "\"}");
}

/// A way on which connections are begun and never answered.
inline simulation::conditions swallowing() {
  simulation::conditions out;
  out.swallows = true;
  return out;
}

} // namespace proxy::test
