#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "protocols/ip_address.hpp"

namespace proxy {

/// What tells a socket of this process from all others: its own address and, where others may share
/// that, the one it is connected to.
struct socket_ends {
  ip_address from;
  uint16_t from_port = 0;
  ip_address to{};
  uint16_t to_port = 0;
};

/// What a connection of ours is known by. The kernel gives several connections one port as long as
/// they go to different places, so a client on this machine may have the same end as one of ours:
/// for loopback addresses both ends count. A connection that went out and was led back by another
/// machine is known by its own end alone.
[[nodiscard]] socket_ends ends_of(const ip_address& from, uint16_t from_port, const ip_address& to,
                                  uint16_t to_port) noexcept;

/// Sockets of this process, so that what comes from one of them, or goes to one, is known to be
/// ourselves. Shared by all loops, without locks: a hash table of fixed size, whose
/// memory is used as it fills.
///
/// One that finds its bucket full is left out (with 10,000 sockets: never in practice), so
/// this guards against going round in circles, where the next round is found out, and grants
/// nothing.
class own_sockets {
public:
  /// @param seed  That nobody can foresee, so that nobody fills a bucket on purpose.
  explicit own_sockets(uint64_t seed);
  own_sockets(const own_sockets&) = delete;
  own_sockets& operator=(const own_sockets&) = delete;
  ~own_sockets();

  /// One that is listed as long as this lives, which the table must outlive.
  class entry {
  public:
    entry() = default;
    entry(entry&& other) noexcept { *this = std::move(other); }
    entry& operator=(entry&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~entry();

  private:
    friend class own_sockets;
    entry(own_sockets* of, uint64_t* slot) : of_(of), slot_(slot) {}
    own_sockets* of_ = nullptr;
    uint64_t* slot_ = nullptr;
  };

  [[nodiscard]] entry add(const socket_ends& which) noexcept;
  [[nodiscard]] bool contains(const socket_ends& which) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return count_.load() == 0; }

private:
  static constexpr size_t slots = 8;
  static constexpr size_t bucket_bits = 13;
  static constexpr size_t table_bytes = (slots << bucket_bits) * sizeof(uint64_t);

  [[nodiscard]] uint64_t key_of(const socket_ends& which) const noexcept;
  [[nodiscard]] uint64_t* bucket_of(uint64_t key) const noexcept;

  uint64_t seed_;
  std::atomic<uint64_t> count_{0};
  uint64_t* table_; ///< Of keys; 0 where there is none.
};

} // namespace proxy
