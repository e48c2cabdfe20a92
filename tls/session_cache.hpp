#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/lru.hpp"

struct ssl_session_st;

namespace proxy::tls {

struct ssl_session_deleter {
  void operator()(ssl_session_st* session) const noexcept;
};
using ssl_session_ptr = std::unique_ptr<ssl_session_st, ssl_session_deleter>;

/// Sessions of upstreams that a later connection may resume, the least recently used upstream
/// forgotten beyond `capacity`. Not for several threads: one per shard. Outlives every session it
/// is given to.
class session_cache {
public:
  explicit session_cache(size_t capacity = 256) : upstreams_(capacity) {}

  /// A session for this upstream; nullptr when there is none. A TLS 1.3 session is handed out once
  /// (RFC 8446 §C.4). One whose certificate's time is over is dropped.
  [[nodiscard]] ssl_session_ptr take(std::string_view upstream);
  /// Keeps a session; beyond four for one upstream the oldest one goes.
  void put(std::string_view upstream, ssl_session_ptr session);

  /// How many upstreams have sessions here.
  [[nodiscard]] size_t size() const noexcept { return upstreams_.size(); }
  void clear() noexcept { upstreams_.clear(); }

private:
  lru<std::vector<ssl_session_ptr>> upstreams_; ///< Oldest first.
};

} // namespace proxy::tls
