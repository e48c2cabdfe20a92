#include "actors/serve/exchange/body_meter.hpp"

#include "config/text.hpp"

namespace proxy {

std::string slow_body_keys(const config::proxy_config& config) {
  return "limits.min_body_rate = " + std::to_string(config.limits.min_body_rate) +
         " over timeouts.slow_body = " + config::duration_text(config.timeouts.slow_body);
}

} // namespace proxy
