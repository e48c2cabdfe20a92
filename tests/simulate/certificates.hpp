#pragma once

#include <memory>
#include <string>

#include "tls/client.hpp"
#include "tls/server.hpp"

namespace proxy::simulate {

/// Who vouches for whom in all worlds. Made once, and each time the same: keys are what costs most.
struct certificates {
  tls::authority_ptr of_proxy, of_origins;
  std::shared_ptr<const tls::client_context> proxy_trusts;  ///< The CA of the origins.
  std::shared_ptr<const tls::client_context> client_trusts; ///< That and the proxy's: it cannot
                                                            ///< know which of them it meets.
  std::shared_ptr<const tls::server_context> proxy_serves, origin_serves;

  /// What an origin shows.
  [[nodiscard]] tls::leaf_ptr leaf_of(const std::string& name) const;

  [[nodiscard]] static const certificates& of_all_worlds();
};

} // namespace proxy::simulate
