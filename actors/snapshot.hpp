#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "config/proxy_config.hpp"
#include "policy/pattern_set.hpp"
#include "policy/rules.hpp"
#include "policy/upstream_proxy.hpp"
#include "tls/client.hpp"
#include "tls/leaf.hpp"

namespace proxy {

using config_ptr = std::shared_ptr<const config::proxy_config>;

/// Which certificate of ours an upstream is shown when it asks for one: that of the first entry
/// whose patterns match, and no other. Part of a policy, so a connection that was made with one
/// ends with its generation.
class client_identities {
public:
  void add(policy::pattern_set_ptr hosts, tls::client_identity_ptr shown) {
    entries_.emplace_back(std::move(hosts), std::move(shown));
  }
  /// nullptr for none.
  [[nodiscard]] const tls::client_identity* find(const host& name, uint16_t port) const noexcept {
    for (const auto& [hosts, shown] : entries_)
      if (hosts->match(name, port))
        return shown.get();
    return nullptr;
  }

private:
  std::vector<std::pair<policy::pattern_set_ptr, tls::client_identity_ptr>> entries_;
};

/// Everything that shards and connections go by, in one immutable piece.
struct snapshot {
  uint64_t generation = 0;
  config_ptr config;                  ///< Never null.
  policy::rules_ptr rules;            ///< Never null.
  policy::upstream_proxies upstreams; ///< Proxies of the environment that ours goes through.
  std::shared_ptr<const tls::client_context>
    trust;                      ///< For https:// targets; null before the first load.
  client_identities identities; ///< What upstreams that ask are shown.
  tls::authority_ptr ca;        ///< Vouches for intercepted hosts; null without `mitm`.
};
using snapshot_ptr = std::shared_ptr<const snapshot>;

} // namespace proxy
