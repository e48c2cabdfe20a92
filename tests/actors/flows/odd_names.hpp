#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/actors/flows/stage.hpp"

/// Answers of a name server byte by byte (RFC 1035 §4), for what `name_server` does not say.

namespace proxy::test {

inline constexpr uint16_t type_a = 1, type_cname = 5, type_aaaa = 28;

[[nodiscard]] inline std::string two(size_t number) {
  return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}
[[nodiscard]] inline std::string four(size_t number) { return two(number >> 16) + two(number); }

[[nodiscard]] inline std::string labels(const std::string& name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    auto end = std::min(name.find('.', at), name.size());
    out += static_cast<char>(end - at) + name.substr(at, end - at);
    at = end + 1;
  }
  return out + '\0';
}

inline const std::string asked_name{"\xc0\x0c", 2}; // where the question has it (RFC 1035 §4.1.4)

struct question {
  std::string id, section;
  uint16_t type;
};

[[nodiscard]] inline std::string record(const std::string& owner, uint16_t type, size_t ttl,
                                        const std::string& data) {
  return owner + two(type) + two(1) + four(ttl) + two(data.size()) + data;
}
[[nodiscard]] inline std::string address(const std::string& text) {
  std::string out;
  auto all = *ip_address::parse(text);
  const auto& bytes = all.bytes();
  for (size_t i = all.is_v4() ? 12 : 0; i < 16; ++i)
    out += static_cast<char>(bytes[i]);
  return out;
}
/// An answer to a question with these records. @param flags  RFC 1035 §4.1.1.
[[nodiscard]] inline std::string answer(const question& to, const std::vector<std::string>& records,
                                        size_t flags = 0x8180) {
  auto out = to.id + two(flags) + two(1) + two(records.size()) + four(0) + to.section;
  for (const auto& each : records)
    out += each;
  return out;
}
[[nodiscard]] inline std::string says(const question& to, const std::string& where,
                                      size_t ttl = 60) {
  auto v4 = ip(where).is_v4();
  if (v4 != (to.type == type_a))
    return answer(to, {});
  return answer(to, {record(asked_name, to.type, ttl, address(where))});
}

[[nodiscard]] inline question read_question(std::string_view message) {
  auto end = message.find('\0', 12);
  auto type = static_cast<uint16_t>(static_cast<uint8_t>(message[end + 2]));
  return {std::string{message.substr(0, 2)}, std::string{message.substr(12, end + 5 - 12)}, type};
}

/// A stage whose names are asked for at 192.0.2.54, of a server that does as it is told.
struct odd_names : stage {
  odd_names() {
    write("config.toml", "default_permissions = \"dev\"\n[network_proxy]\nadmin_url = \"\"\n"
                         "dns.servers = [\"192.0.2.54\"]\ndns.hosts_file = \"\"\n"
                         "[permissions.dev.network]\nenabled = true\n"
                         "proxy_url = \"http://192.0.2.1:3128\"\n"
                         "socks_url = \"http://192.0.2.1:1080\"\n"
                         "dangerously_allow_non_loopback_proxy = true\n"
                         "allowed_domains = [\"example.com\", \"other.test\"]\n");
    auto outcome = ask<reload_outcome>(store, atom::reload_v);
    CAF_REQUIRE(until([&] { return outcome->has_value(); }));
    CAF_REQUIRE((*outcome)->report);
    fd = bound(server, "192.0.2.54", 53);
    beside = bound(server, "192.0.2.54", 5353);
    far = bound(place("192.0.2.66"), "192.0.2.66", 53);
  }

  static int bound(simulation::node& on, const std::string& at, uint16_t port) {
    auto opened = on.open(socket_kind::datagram, AF_INET);
    auto where = make_sockaddr(ip(at), port);
    CAF_REQUIRE_EQUAL(on.bind(opened, where.get(), where.size), 0);
    return opened;
  }
  static void send(simulation::node& on, int from, const ip_sockaddr& to, std::string bytes) {
    iovec part{bytes.data(), bytes.size()};
    datagram_row row{&to, {&part, 1}, 0};
    (void)on.send(from, {&row, 1});
  }
  void later(std::chrono::nanoseconds span, const ip_sockaddr& to, const std::string& bytes) {
    w.net().at(w.time().now() + span, [this, to, bytes] { send(server, fd, to, bytes); });
  }
  void step() {
    char block[2048];
    ip_sockaddr from;
    for (ssize_t n = 0; (n = server.receive_from(fd, block, &from)) > 0;) {
      ++questions;
      reply(read_question({block, static_cast<size_t>(n)}), from);
    }
  }

  /// What a client hears that asks for a host.
  std::string answer_for(const std::string& host = "example.com") {
    auto& who = client();
    who.say(get("http://" + host + "/", "Connection: close\r\n"));
    CAF_CHECK(until([&] {
      step();
      return who.is_over();
    }));
    return who.text;
  }

  simulation::node& server = place("192.0.2.54");
  int fd = -1, beside = -1, far = -1;
  size_t questions = 0;
  std::function<void(const question&, const ip_sockaddr& from)> reply;
};

} // namespace proxy::test
