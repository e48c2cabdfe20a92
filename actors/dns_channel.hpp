#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/loop/event_loop.hpp"
#include "config/proxy_config.hpp"
#include "protocols/ip_address.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace proxy {

/// What name servers said of a name.
struct dns_records {
  /// v6 before v4, without duplicates; empty: no such name or address.
  std::vector<ip_address> addresses;
  /// The shortest on the way to the addresses; 0 when there are none.
  std::chrono::seconds ttl{0};
};

/// Asks name servers on a loop (c-ares): names as they stand, without search domains, hosts files
/// or aliases from the environment. UDP first, TCP when an answer is truncated. Both families at
/// once; when one has come, the other is waited for a moment only, as servers that never answer
/// AAAA are common (RFC 8305 §3).
class dns_channel {
public:
  /// Told once of each question: records; errc::dns_error when the servers failed,
  /// errc::dns_timeout when none answered, errc::cancelled when the channel ends first. Must not
  /// end the channel.
  using listener =
    std::function<void(const std::string& name, uint64_t question, caf::expected<dns_records>)>;

  /// Addresses of one family that are kept; further ones are ignored.
  static constexpr size_t max_addresses_per_family = 32;
  /// How long the second family may come after the first.
  static constexpr std::chrono::milliseconds grace{250};

  /// @param patience How long a look-up may take in all; decides how long one server is waited for.
  /// Servers that cannot be used do not stop the channel: it then answers every question with
  /// errc::dns_error.
  dns_channel(event_loop& loop, const config::dns& settings, std::chrono::milliseconds patience,
              listener tell);
  ~dns_channel();

  dns_channel(const dns_channel&) = delete;
  dns_channel& operator=(const dns_channel&) = delete;

  /// Asks for all addresses of a normalised name. The listener may be told before this returns.
  /// @param question Whatever the listener knows the question by.
  void ask(const std::string& name, uint64_t question);

  /// Questions that c-ares still holds, those included of which the listener has been told.
  [[nodiscard]] size_t active() const noexcept { return active_; }

private:
  struct query;

  /// A socket of c-ares, watched for it.
  struct watched final : io_source {
    explicit watched(dns_channel& of) : owner(of) {}
    void on_ready() override;
    dns_channel& owner;
    bool wants_write = false;
  };

  /// Lets c-ares see which of its questions have waited too long.
  struct clock final : timer {
    explicit clock(dns_channel& of) : owner(of) {}
    void on_timer() override;
    dns_channel& owner;
  };

  static void on_socket(void* self, int fd, int readable, int writable);
  static void on_answer(void* what, int status, int timeouts, ares_addrinfo* found);

  void serve(int fd);
  void keep_time();

  event_loop& loop_;
  listener tell_;
  ares_channeldata* channel_ = nullptr;
  std::string fault_; ///< Why there is no channel.
  std::chrono::milliseconds interval_;
  size_t active_ = 0;
  std::unordered_map<int, std::unique_ptr<watched>> sockets_; ///< By descriptor.
  clock clock_{*this};
};

} // namespace proxy
