#pragma once

#include "config/proxy_config.hpp"
#include "policy/reason.hpp"
#include "policy/rules.hpp"

namespace proxy {

/// Whether a refused CONNECT is answered with 200 and the request inside its tunnel is refused, as
/// far as that is the same for every client. `explain` says it by this too.
[[nodiscard]] inline bool is_told_inside(const config::proxy_config& config,
                                         const policy::target& what, const policy::denial& why) {
  constexpr uint16_t https = 443;
  if (!config.mitm.enabled || what.protocol != policy::protocol::https_connect ||
      config.refusals == "connect")
    return false;
  if (config.refusals == "auto" && !(config.made_environment && what.port == https))
    return false;
  // Without the header no policy has decided (who asks has to be asked, say).
  return !policy::refusal_of(why.reason).x_proxy_error.empty();
}

} // namespace proxy
