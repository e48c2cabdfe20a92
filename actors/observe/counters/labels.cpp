#include "actors/observe/counters/labels.hpp"

namespace proxy {

// One by one: each takes compilers some of the steps that they grant an expression.
static_assert(is_complete<spoken>());
static_assert(is_complete<phase>());
static_assert(is_complete<look_up_result>());
static_assert(is_complete<connect_result>());
static_assert(is_complete<tls_side>());
static_assert(is_complete<handshake_result>());
static_assert(is_complete<leaf_result>());

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
