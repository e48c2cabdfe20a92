#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unordered_map>
#include <vector>

#include "actors/loop/event_loop.hpp"
#include "config/proxy_config.hpp"
#include "protocols/ip_address.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace proxy {

/// What asking name servers for a name came to.
enum class dns_outcome : uint8_t {
  found,
  no_name,       ///< NXDOMAIN
  no_address,    ///< There is such a name, with no address (NODATA).
  server_failed, ///< SERVFAIL
  refused,       ///< REFUSED
  no_server,     ///< None could be reached.
  timeout,
  cancelled, ///< The channel ends.
  other,     ///< `detail`
};

/// What name servers said of a name.
struct dns_records {
  dns_outcome outcome = dns_outcome::found;
  /// v6 before v4, without duplicates; empty unless found.
  std::vector<ip_address> addresses{};
  /// The shortest on the way to the addresses; 0 when there are none.
  std::chrono::seconds ttl{0};
  std::string detail{};
};

/// Asks name servers on a loop (c-ares): names as they stand, without search domains, hosts files
/// or aliases from the environment. UDP first, TCP when an answer is truncated. Both families at
/// once; when one has come, the other is waited for a moment only, as servers that never answer
/// AAAA are common (RFC 8305 §3).
class dns_channel {
public:
  /// Told once of each question. Must not end the channel.
  /// @param as  What was asked for it.
  using listener = std::function<void(const std::string& name, uint64_t question,
                                      const std::string& as, dns_records)>;

  /// Addresses of one family that are kept; further ones are ignored.
  static constexpr size_t max_addresses_per_family = 32;
  /// How long the second family may come after the first.
  static constexpr std::chrono::milliseconds grace{250};

  /// @param patience How long a look-up may take in all; decides how long one server is waited for.
  /// Servers that cannot be used do not stop the channel: it then answers every question with
  /// `dns_outcome::other`.
  dns_channel(event_loop& loop, const config::dns& settings, std::chrono::milliseconds patience,
              listener tell);
  ~dns_channel();

  dns_channel(const dns_channel&) = delete;
  dns_channel& operator=(const dns_channel&) = delete;

  /// Asks for all addresses of a normalised name. The listener may be told before this returns.
  /// @param name, question  Whatever the listener knows the question by.
  void ask(const std::string& name, uint64_t question, const std::string& as);

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

  [[nodiscard]] static network& network_of(void* self) noexcept;
  static int open_socket(int family, int type, int protocol, void* self) noexcept;
  static void on_socket(void* self, int fd, int readable, int writable);
  static void on_answer(void* what, int status, int timeouts, ares_addrinfo* found);
  static ssize_t on_datagram(int fd, void* into, size_t size, int flags, sockaddr* from,
                             socklen_t* from_size, void* self);
  /// Remembers what a server that does not answer says, as c-ares tells nothing of it.
  void note_failure(std::string_view message);

  void serve(int fd);
  void keep_time();

  event_loop& loop_;
  listener tell_;
  ares_channeldata* channel_ = nullptr;
  std::string fault_; ///< Why there is no channel.
  std::chrono::milliseconds interval_;
  size_t active_ = 0;
  std::unordered_map<std::string, dns_outcome> failures_;     ///< By name as asked, while one is.
  std::unordered_map<int, std::unique_ptr<watched>> sockets_; ///< By descriptor.
  clock clock_{*this};
};

} // namespace proxy
