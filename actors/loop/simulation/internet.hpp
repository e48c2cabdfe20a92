#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/loop/simulation/conditions.hpp"
#include "actors/loop/simulation/made_up_time.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::simulation {

class node;

/// The nodes of a made-up network, the ways between them, and what is under way. For one thread.
/// Nothing arrives by itself: `deliver` lets arrive what is due, in order of time and then as it
/// was sent.
class internet {
public:
  internet(made_up_time& time, made_up_chance& chance);
  ~internet();
  internet(const internet&) = delete;
  internet& operator=(const internet&) = delete;

  /// A node that has these addresses, and loopback addresses of its own. Lives as long as this.
  node& add_node(std::string name, std::vector<ip_address> addresses);

  /// How the way from one node to another is, from now on; one node's way to itself, too.
  void set_conditions(const node& from, const node& to, const conditions& how);
  [[nodiscard]] const conditions& conditions_between(const node& from, const node& to) const;

  /// When the next thing arrives; nullopt when nothing is under way.
  [[nodiscard]] std::optional<steady_time> next() const;
  /// Lets arrive what is due by now. @returns whether there was something.
  bool deliver();

  // -- for nodes --

  /// The node that an address belongs to, as seen from `from`; nullptr when there is none.
  [[nodiscard]] node* find(const node& from, const ip_address& address) const;
  /// Lets `what` come to pass at a moment.
  void at(steady_time when, std::function<void()> what);
  /// When something that leaves now arrives.
  /// @param size   Bytes, for links of a limited speed.
  /// @param after  Not before this, which moves on: the last arrival of a stream.
  [[nodiscard]] steady_time arrival(const node& from, const node& to, size_t size,
                                    steady_time* after);

  [[nodiscard]] made_up_time& time() noexcept { return time_; }
  [[nodiscard]] made_up_chance& chance() noexcept { return chance_; }

private:
  made_up_time& time_;
  made_up_chance& chance_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::map<std::pair<const node*, const node*>, conditions> ways_;
  std::map<std::pair<const node*, const node*>, steady_time> busy_until_;
  /// By when it arrives, and of two at one moment by which was told of first.
  std::map<std::pair<steady_time, uint64_t>, std::function<void()>> under_way_;
  uint64_t count_ = 0;
};

} // namespace proxy::simulation
