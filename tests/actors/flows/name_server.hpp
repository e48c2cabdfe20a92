#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "actors/loop/simulation/node.hpp"

namespace proxy::test {

/// What a made-up name server says of a name.
struct name_record {
  std::vector<ip_address> addresses{};
  uint32_t ttl = 60;
  uint8_t code = 0;                 ///< RFC 1035 §4.1.1: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
  bool silent = false;              ///< It says nothing at all.
  std::chrono::nanoseconds late{0}; ///< It takes its time.
};

/// A name server of a made-up network, on UDP port 53. Names that it does not know do not exist.
class name_server {
public:
  name_server(simulation::node& on, const ip_address& at);
  ~name_server() { on_.close(fd_); }
  name_server(const name_server&) = delete;
  name_server& operator=(const name_server&) = delete;

  /// Answers what has come.
  void step();

  std::map<std::string, name_record> names;
  std::vector<std::string> asked; ///< "A example.com", in order.

private:
  void answer(std::string_view question, const ip_sockaddr& to);

  simulation::node& on_;
  int fd_;
};

} // namespace proxy::test
