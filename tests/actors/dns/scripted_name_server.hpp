#pragma once

#include <arpa/inet.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/loop/event_loop.hpp"
#include "protocols/ip_address.hpp"
#include "tests/actors/loop/sockets.hpp"

namespace proxy::test {

enum : uint16_t { type_a = 1, type_cname = 5, type_aaaa = 28 };

/// A question as it came.
struct dns_question {
  std::string packet; ///< Whole, from the header on.
  std::string name;   ///< With dots.
  uint16_t type = 0;
  bool tcp = false;

  [[nodiscard]] static dns_question parse(std::string bytes, bool over_tcp);
  /// The question section, from the name to the class.
  [[nodiscard]] std::string section() const { return packet.substr(12); }
};

/// Parts of an answer (RFC 1035 §4.1).
namespace dns {

inline std::string be16(unsigned x) {
  return {static_cast<char>(x >> 8 & 0xff), static_cast<char>(x & 0xff)};
}
inline std::string be32(uint32_t x) { return be16(x >> 16) + be16(x & 0xffff); }

inline std::string encode_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    auto label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return out + '\0';
}

inline std::string record(const std::string& owner, uint16_t type, uint32_t ttl,
                          const std::string& data) {
  return owner + be16(type) + be16(1) + be32(ttl) + be16(static_cast<unsigned>(data.size())) + data;
}

/// A or AAAA for the name that was asked.
inline std::string address(std::string_view text, uint32_t ttl,
                           const std::string& owner = "\xc0\x0c") {
  auto ip = *ip_address::parse(text);
  std::string bytes(ip.bytes().begin(), ip.bytes().end());
  return ip.is_v4() ? record(owner, type_a, ttl, bytes.substr(12))
                    : record(owner, type_aaaa, ttl, bytes);
}

/// An answer to `q`. @param flags Beside QR, RD and RA: TC (0x0200) and a response code.
inline std::string reply(const dns_question& q, unsigned flags,
                         const std::vector<std::string>& records = {}) {
  auto out = q.packet.substr(0, 2) + be16(0x8180 | flags) + be16(1) +
             be16(static_cast<unsigned>(records.size())) + be16(0) + be16(0) + q.section();
  for (const auto& each : records)
    out += each;
  return out;
}

enum : unsigned {
  truncated = 0x0200,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  refused = 5
};

} // namespace dns

inline dns_question dns_question::parse(std::string bytes, bool over_tcp) {
  dns_question q{std::move(bytes), {}, 0, over_tcp};
  size_t at = 12;
  while (at < q.packet.size() && q.packet[at] != 0) {
    auto size = static_cast<size_t>(static_cast<unsigned char>(q.packet[at]));
    q.name += (q.name.empty() ? "" : ".") + q.packet.substr(at + 1, size);
    at += 1 + size;
  }
  if (at + 5 == q.packet.size())
    q.type = static_cast<uint16_t>(static_cast<unsigned char>(q.packet[at + 1]) << 8 |
                                   static_cast<unsigned char>(q.packet[at + 2]));
  return q;
}

/// A name server on a loopback port, UDP and TCP, served by the test's own loop. `script` gives the
/// packets it sends to a question, none for silence.
class scripted_name_server {
public:
  using answers = std::vector<std::string>;

  scripted_name_server(event_loop& loop, std::function<answers(const dns_question&)> script)
    : script_(std::move(script)), loop_(loop), udp_(*this), listener_(*this) {
    sockaddr_in where{};
    socklen_t size = sizeof where;
    do { // until a port is free for both
      listener_.own = tcp_listener();
      ::getsockname(listener_.own.fd, reinterpret_cast<sockaddr*>(&where), &size);
      udp_.own = endpoint_fd{::socket(AF_INET, SOCK_DGRAM, 0)};
    } while (::bind(udp_.own.fd, reinterpret_cast<sockaddr*>(&where), size) != 0);
    port = ntohs(where.sin_port);
    watch(udp_);
    watch(listener_);
  }
  ~scripted_name_server() {
    for (auto& each : connections_)
      loop_.unwatch(*each);
    loop_.unwatch(listener_);
    loop_.unwatch(udp_);
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port); }
  /// How often a name was asked for, in one family.
  [[nodiscard]] size_t count(std::string_view name, uint16_t type = type_a) const {
    size_t n = 0;
    for (const auto& q : asked)
      n += q.name == name && q.type == type;
    return n;
  }

  uint16_t port = 0;
  std::vector<dns_question> asked;

private:
  struct source : io_source {
    explicit source(scripted_name_server& of) : server(of) {}
    scripted_name_server& server;
    endpoint_fd own;
  };
  struct udp_source final : source {
    using source::source;
    void on_ready() override {
      ready = io_out;
      for (;;) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        char buffer[4096];
        auto n =
          ::recvfrom(fd, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (n < 0)
          return;
        for (const auto& packet : server.answer({buffer, static_cast<size_t>(n)}, false))
          ::sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  };
  struct tcp_source final : source {
    using source::source;
    void on_ready() override {
      ready = io_out;
      in += own.receive();
      while (in.size() >= 2) {
        auto size = static_cast<size_t>(static_cast<unsigned char>(in[0]) << 8 |
                                        static_cast<unsigned char>(in[1]));
        if (in.size() < 2 + size)
          return;
        for (const auto& packet : server.answer(in.substr(2, size), true))
          own.send(dns::be16(static_cast<unsigned>(packet.size())) + packet);
        in.erase(0, 2 + size);
      }
    }
    std::string in;
  };
  struct listen_source final : source {
    using source::source;
    void on_ready() override {
      ready = io_out;
      for (auto peer = tcp_accept(own); peer.fd >= 0; peer = tcp_accept(own)) {
        auto connection = std::make_unique<tcp_source>(server);
        connection->own = std::move(peer);
        server.watch(*connection);
        server.connections_.push_back(std::move(connection));
      }
    }
  };

  void watch(source& what) {
    what.fd = what.own.fd;
    (void)loop_.watch(what);
  }
  answers answer(std::string packet, bool tcp) {
    asked.push_back(dns_question::parse(std::move(packet), tcp));
    return script_(asked.back());
  }

  std::function<answers(const dns_question&)> script_;
  event_loop& loop_;
  udp_source udp_;
  listen_source listener_;
  std::vector<std::unique_ptr<tcp_source>> connections_;
};

} // namespace proxy::test
