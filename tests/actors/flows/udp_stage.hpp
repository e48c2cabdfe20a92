#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "tests/actors/flows/socks_client.hpp"

/// UDP through SOCKS5: a client's socket, and servers that may be reached by it.

namespace proxy::test {

inline const std::string udp_allowed =
  R"(allowed_domains = ["93.184.216.34", "93.184.216.35", "2606:2800::1", "**.test"])";

struct udp_stage : stage {
  explicit udp_stage(stage_settings with = {.network = udp_allowed}) : stage(std::move(with)) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
    names.names["six.test"] = {.addresses = {ip("2606:2800::1")}};
  }
  udp_end at{*this, place("93.184.216.34"), "93.184.216.34", 53};
  udp_end other{*this, place("93.184.216.35"), "93.184.216.35", 53};
  udp_end mine{*this, user, "192.0.2.9"};

  void send(const associated& by, const std::string& host, std::string_view data,
            uint16_t port = 53) {
    mine.send(by.relay, socks_datagram(host, port, data));
  }
};

} // namespace proxy::test
