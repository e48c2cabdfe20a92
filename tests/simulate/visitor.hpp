#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/loop/simulation/made_up_time.hpp"
#include "tests/simulate/ledger.hpp"
#include "tests/simulate/message.hpp"
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
  ledger& books;
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
  /// @param port  Of the proxy's; 0: the one for clients.
  visitor(surroundings& around, destination to, uint16_t port = 0);
  virtual ~visitor() = default;
  visitor(const visitor&) = delete;
  visitor& operator=(const visitor&) = delete;

  /// Does what can be done. @returns whether it has left.
  bool step();
  [[nodiscard]] steady_time began() const { return began_; }
  /// When something was last heard, or taken by the other end.
  [[nodiscard]] steady_time moved() const { return moved_; }
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
  account_of_client account_; ///< Without a name nobody can say what is in it.

private:
  void look();

  steady_time began_, moved_;
  std::pair<size_t, size_t> seen_{}; ///< What there was to hear, and to say.
};

/// The head of an answer.
struct answer {
  int status = 0;
  uint64_t length = 0;
  framing how = framing::length;
  bool forwarded = false; ///< The proxy has read it.
  std::string id;         ///< That the proxy gives its own answers; "" for none.
};

/// Takes the head of an answer from the front. @returns nothing while it is not whole.
[[nodiscard]] std::optional<answer> take_head(std::string& in);

/// What a client says first that wants a tunnel by HTTP.
[[nodiscard]] std::string connect_to(const std::string& authority);

} // namespace proxy::simulate
