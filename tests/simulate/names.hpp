#pragma once

#include <map>
#include <string>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulate {

/// The name server of a world. In a calm one it knows each name and says so; in a storm it is late,
/// silent or broken at times, and lies: it gives addresses that the proxy must not go to.
class names {
public:
  names(simulation::node& on, const ip_address& at, bool calm);

  void add(const std::string& name, const ip_address& address) { known_[name] = address; }
  /// Answers what has come.
  void step();

private:
  void answer(std::string_view question, const ip_sockaddr& to);

  simulation::node& on_;
  int fd_;
  bool calm_;
  std::map<std::string, ip_address> known_;
};

} // namespace proxy::simulate
