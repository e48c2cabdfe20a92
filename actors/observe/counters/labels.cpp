#include "actors/observe/counters/labels.hpp"

namespace proxy {

static_assert(is_complete<spoken>() && is_complete<phase>() && is_complete<look_up_result>() &&
                is_complete<connect_result>() && is_complete<tls_side>() &&
                is_complete<handshake_result>() && is_complete<leaf_result>(),
              "a value has no name as a label");

look_up_result look_up_result_of(errc code) noexcept {
  return code == errc::dns_timeout ? look_up_result::timeout : look_up_result::error;
}

connect_result connect_result_of(errc code) noexcept {
  switch (code) {
    case errc::connection_refused: return connect_result::refused;
    case errc::network_unreachable:
    case errc::host_unreachable: return connect_result::unreachable;
    case errc::connection_timeout: return connect_result::timeout;
    case errc::cancelled:
    case errc::policy_changed: return connect_result::abandoned;
    default: return connect_result::error;
  }
}

} // namespace proxy
