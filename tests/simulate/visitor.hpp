#pragma once

#include <memory>
#include <string>

#include "actors/loop/simulation/made_up_time.hpp"
#include "tests/simulate/wire_end.hpp"

namespace proxy::simulate {

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
  std::string name; ///< "": by address.
  [[nodiscard]] std::string text() const { return name.empty() ? address.str() : name; }
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
  wire_end end_;

private:
  steady_time began_;
};

/// One of all kinds.
[[nodiscard]] std::unique_ptr<visitor> make_visitor(surroundings& around, destination to);

} // namespace proxy::simulate
