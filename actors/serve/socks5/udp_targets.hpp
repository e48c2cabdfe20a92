#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/loop/system/sockaddr.hpp"
#include "actors/loop/timer_wheel.hpp"
#include "actors/messages.hpp"
#include "actors/serve/decide/pass.hpp"
#include "actors/serve/decide/pending_question.hpp"

namespace proxy {

/// Where a client's datagrams go: a name or address with a port, as it spelled it, and what the
/// policy and the resolver made of it.
struct udp_target {
  enum class state : uint8_t {
    asked,     ///< Somebody's word on it is awaited; its first datagram waits.
    resolving, ///< Its name is being looked up; a few datagrams wait.
    open,      ///< Datagrams go to `at`.
    closed,    ///< Refused, or not to be reached: datagrams are dropped until `closed_until`.
  };

  std::string header; ///< What stands before each datagram from there (RFC 1928 §7).
  state is = state::closed;
  policy::target to;
  std::optional<pass> granted;         ///< Once its name was let through.
  std::optional<policy::vetted> leads; ///< Proof that `at` may be sent to, as all of these.
  size_t chosen = 0;                   ///< Which of its addresses `at` is.
  ip_sockaddr at;
  std::optional<ip_address> stands_for; ///< Where `at` leads to, if its address spells another one.
  steady_time closed_until{};
  std::unique_ptr<pending_question> question; ///< While it is `asked`.
  std::vector<std::string> waiting;           ///< Data of datagrams that came before it was open.

  /// The address field by which the client names it.
  [[nodiscard]] std::string_view address() const noexcept;
};

/// The targets of one association, by the client's spelling and by address. Holds at most `max`:
/// the one unused for longest makes room.
class udp_targets {
public:
  /// The target of this address field, now the most recently used one; nullptr when there is none.
  [[nodiscard]] udp_target* find(std::string_view address);
  /// The target that datagrams from here belong to; nullptr when none was sent there.
  [[nodiscard]] udp_target* from(const ip_sockaddr& peer);
  /// A new target. @pre there is none of this address field
  [[nodiscard]] udp_target& add(std::string_view address, size_t max);
  /// Lets datagrams through to the chosen address of `t.leads`.
  /// @param fresh  Of `t.granted`.
  void open(udp_target& t, const fresh_pass& fresh);
  /// The same for another of its addresses.
  void move_on(udp_target& t, size_t chosen, const fresh_pass& fresh);
  /// Drops datagrams until `until`.
  void close(udp_target& t, steady_time until);

  [[nodiscard]] size_t size() const noexcept { return targets_.size(); }
  /// Oldest first. Closing what is visited is fine.
  [[nodiscard]] std::list<udp_target>& all() noexcept { return targets_; }

private:
  struct peer_key {
    ip_address ip;
    uint16_t port;
    friend bool operator==(const peer_key&, const peer_key&) = default;
  };
  struct peer_hash {
    size_t operator()(const peer_key& k) const noexcept;
  };
  void forget_peer(udp_target& t);
  void drop_oldest();

  std::list<udp_target> targets_; ///< Least recently used first.
  std::unordered_map<std::string_view, std::list<udp_target>::iterator> by_address_;
  std::unordered_map<peer_key, udp_target*, peer_hash> by_peer_;
  udp_target* last_from_ = nullptr; ///< Answers come in rows.
};

} // namespace proxy
