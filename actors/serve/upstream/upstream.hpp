#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actors/net/transport.hpp"
#include "actors/serve/decide/pass.hpp"
#include "actors/serve/upstream/own_sockets.hpp"
#include "actors/serve/upstream/shared_dial.hpp"
#include "config/proxy_config.hpp"
#include "protocols/host.hpp"

namespace proxy {

/// Whom an upstream connection may be used for.
struct upstream_key {
  bool tls = false;
  std::string host; ///< Normalised, without brackets.
  uint16_t port = 0;
  std::string via; ///< Upstream proxy it goes through, "" for none.

  friend bool operator==(const upstream_key&, const upstream_key&) = default;
};

/// What an upstream has shown to speak inside TLS.
enum class origin_protocol : uint8_t { unknown, http1, http2 };

/// A connection to an upstream, or a stream of one that is shared: dialled for one request, then
/// kept for others to the same target.
class upstream final : public ready_handler {
public:
  transport io;
  upstream_key key;
  ip_address address;                   ///< What it is connected to.
  std::shared_ptr<const host> found_as; ///< The name of that, where a search domain was added.
  uint64_t generation = 0;              ///< Of the policy that its address was vetted under.
  bool reused = false;                  ///< Has served an exchange before.
  bool logged_in = false;  ///< May have a user of its own (RFC 4559): never for another client.
  own_sockets::entry from; ///< Its own end, if it may lead back to us.

private:
  friend class upstream_pool;
  /// While idle: the upstream closed, or sent something nobody asked for.
  void fire() override;
  class upstream_pool* pool_ = nullptr;
  steady_time idle_until_{};
  std::list<std::unique_ptr<upstream>>::iterator place_;
};

/// Idle upstream connections of one shard, newest reused first, oldest dropped first.
class upstream_pool final : timer {
public:
  explicit upstream_pool(event_loop& loop) : loop_(loop) {}

  /// Closes all: a new policy vets addresses anew. Streams that are open go on. From now on only
  /// connections of this generation are kept and shared.
  void begin_generation(uint64_t generation, const config::limits& limits,
                        const config::timeouts& timeouts);

  /// An idle connection for `key` whose events go to `wakes`; nullptr when there is none.
  /// @param fresh  Grants what it is taken for. Of another policy than the connections: there is
  /// none.
  [[nodiscard]] std::unique_ptr<upstream> take(const fresh_pass& fresh, const upstream_key& key,
                                               ready_handler& wakes);

  /// A new stream of a shared connection; nullptr when there is none with room.
  [[nodiscard]] std::unique_ptr<upstream>
  take_stream(const fresh_pass& fresh, const upstream_key& key, ready_handler& wakes);

  /// Whether there is a connection for `key`, of either kind.
  [[nodiscard]] bool has(const upstream_key& key) const;

  /// Keeps a connection on which nothing is outstanding, or closes it, as one of an older policy.
  void keep(std::unique_ptr<upstream> idle);

  /// Lets others have streams of a connection, until it is idle for too long. One of an older
  /// policy is not shared.
  void share(std::shared_ptr<http2_link> link);

  /// Remembers what an upstream speaks, so that it is not found out again.
  void note(const upstream_key& key, origin_protocol speaks);
  [[nodiscard]] origin_protocol speaks(const upstream_key& key) const;

  /// Many streams of one client begin at once: the first dials (`dialling`), the others wait for
  /// what it gets.
  /// @returns nullptr when nobody dials for streams.
  [[nodiscard]] std::shared_ptr<shared_dial> dial_under_way(const upstream_key& key) const;

  /// Closes all. Streams that are open go on.
  void clear();

  [[nodiscard]] size_t size() const noexcept { return idle_.size() + shared_.size(); }

private:
  friend class upstream;
  struct key_hash {
    size_t operator()(const upstream_key& k) const noexcept {
      auto h = std::hash<std::string_view>{}(k.host);
      return h * 31 + k.port * 2u + (k.tls ? 1 : 0) + std::hash<std::string_view>{}(k.via);
    }
  };

  void on_timer() override;
  /// Lets go of shared connections that are over, or idle since `before`.
  void sweep(steady_time before);
  /// Takes a connection out of the index and the list.
  std::unique_ptr<upstream> remove(upstream& u);

  friend class dialling;
  friend class login_connections;
  /// How many connections are kept for one client each.
  [[nodiscard]] size_t logins_kept() const noexcept;

  event_loop& loop_;
  std::vector<class login_connections*> logins_;
  uint64_t generation_ = 0;
  uint64_t max_ = 0;
  uint64_t max_per_key_ = 0;
  std::chrono::milliseconds idle_time_{0};
  std::list<std::unique_ptr<upstream>> idle_; ///< Oldest first.
  std::unordered_map<upstream_key, std::vector<upstream*>, key_hash> by_key_;
  std::vector<std::shared_ptr<http2_link>> shared_;
  std::unordered_map<upstream_key, origin_protocol, key_hash> speaks_;
  std::unordered_map<upstream_key, std::shared_ptr<shared_dial>, key_hash> dials_;
};

/// Says that a flow dials an upstream for streams, while it lives; says nothing where another does
/// already. The pool outlives it.
class dialling {
public:
  dialling(upstream_pool& pool, upstream_key key);
  dialling(const dialling&) = delete;
  ~dialling();

private:
  upstream_pool& pool_;
  upstream_key key_;
  std::shared_ptr<shared_dial> mine_;
};

/// Idle upstream connections on which one client may have logged in (NTLM and Negotiate do so once
/// for a connection, RFC 4559 §6). They serve this client again and end with it.
class login_connections {
public:
  explicit login_connections(upstream_pool& beside);
  login_connections(const login_connections&) = delete;
  ~login_connections();

  /// One for `key` that this user of ours has used, its events going to `wakes`; nullptr for none.
  [[nodiscard]] std::unique_ptr<upstream> take(const fresh_pass& fresh, const upstream_key& key,
                                               std::string_view user, ready_handler& wakes);
  /// Keeps a connection on which nothing is outstanding, or closes it: one of an older policy, or
  /// one too many for the pool.
  /// @param user  Who the client showed to be with us; "" when nobody asked.
  void keep(std::unique_ptr<upstream> idle, std::string user);

  [[nodiscard]] size_t size() const noexcept { return idle_.size(); }

  /// The oldest makes room.
  static constexpr size_t max_kept = 8;

private:
  friend class upstream_pool;
  /// Drops a connection as soon as its upstream ends it, or says what nobody asked for.
  struct entry final : ready_handler {
    void fire() override;
    login_connections* among = nullptr;
    std::unique_ptr<upstream> connection;
    std::string user;
    steady_time since;
  };
  void sweep(steady_time before);

  upstream_pool& pool_;
  std::vector<std::unique_ptr<entry>> idle_; ///< Oldest first.
};

/// A stream of a link to an upstream, whose news go to `wakes`; nullptr when it has no room, or was
/// vetted under another policy.
[[nodiscard]] std::unique_ptr<upstream>
open_stream(const fresh_pass& fresh, const std::shared_ptr<http2_link>& link, ready_handler& wakes);

} // namespace proxy
