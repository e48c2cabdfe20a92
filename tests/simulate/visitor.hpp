#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "actors/loop/simulation/made_up_time.hpp"
#include "tests/support/party.hpp"

namespace proxy::simulate {

/// Where origins send back what they are sent: a stream, and each datagram.
constexpr uint16_t echo_port = 7, udp_port = 9;

/// What visitors share.
struct surroundings {
  simulation::node& on;
  simulation::made_up_time& time;
  simulation::made_up_chance& chance;
  ip_address proxy;
  const uint16_t& port; ///< Of the proxy's listener, which may move.
  bool calm;            ///< Nothing breaks and nobody is refused: all must succeed.
  uint64_t& next_id;
};

/// Where a visitor goes: by address, or by name.
struct destination {
  ip_address address;
  std::string name;
  bool by_name;
  [[nodiscard]] std::string text() const { return by_name ? name : address.str(); }
};

/// A client of the proxy with a plan of its own.
class visitor {
public:
  visitor(surroundings& around, destination to);
  virtual ~visitor() = default;
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;

  /// Does what can be done. @returns whether it has left.
  bool step();
  [[nodiscard]] steady_time began() const { return began_; }
  [[nodiscard]] virtual std::string name() const = 0;

protected:
  /// Looks at what has come, and goes on.
  virtual void go_on() = 0;
  /// The other end is over: whether that may be.
  virtual void is_cut_off() { demand_storm("it was cut off"); }
  void leave() { end_.close(); }
  /// What may happen in a storm alone.
  void demand_storm(const std::string& what) const;

  surroundings& around_;
  destination to_;
  test::party end_;

private:
  steady_time began_;
};

/// The head of an answer.
struct answer {
  int status = 0;
  uint64_t length = 0;
};

/// Takes the head of an answer from the front. @returns nothing while it is not whole.
[[nodiscard]] std::optional<answer> take_head(std::string& in);

/// What a client says first that wants a tunnel by HTTP.
[[nodiscard]] std::string connect_to(const std::string& authority);

} // namespace proxy::simulate
