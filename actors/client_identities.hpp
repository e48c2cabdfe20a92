#pragma once

#include <utility>
#include <vector>

#include "policy/pattern_set.hpp"
#include "tls/client.hpp"

namespace proxy {

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

} // namespace proxy
