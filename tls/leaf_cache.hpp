#pragma once

#include "tls/leaf.hpp"
#include "tls/lru.hpp"

namespace proxy::tls {

/// Minted leaves by host, the least recently used one forgotten beyond `capacity`. Not for several
/// threads: it belongs to one actor or one shard.
class leaf_cache {
public:
  explicit leaf_cache(size_t capacity = 1000) : leaves_(capacity) {}

  /// The leaf that `ca` has minted for this host; nullptr when there is none, it is due for
  /// renewal, or another CA has minted it.
  [[nodiscard]] leaf_ptr find(const authority& ca, const host& name, leaf::time_point now) {
    auto* found = leaves_.find(name.text());
    if (!found)
      return nullptr;
    if (now < (*found)->renew_at() && (*found)->issuer().fingerprint() == ca.fingerprint())
      return *found;
    leaves_.erase(name.text());
    return nullptr;
  }

  /// Keeps a leaf, in place of what was there for the host.
  void put(const host& name, leaf_ptr made) { leaves_[name.text()] = std::move(made); }

  [[nodiscard]] size_t size() const noexcept { return leaves_.size(); }
  void clear() noexcept { leaves_.clear(); }

private:
  lru<leaf_ptr> leaves_;
};

} // namespace proxy::tls
