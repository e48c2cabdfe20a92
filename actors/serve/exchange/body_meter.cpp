#include "actors/serve/exchange/body_meter.hpp"

#include "config/text.hpp"

namespace proxy {

std::string slow_body_keys(const config::proxy_config& by) {
  return "limits.min_body_rate = " + std::to_string(by.limits.min_body_rate) +
         " over timeouts.slow_body = " + config::duration_text(by.timeouts.slow_body);
}

} // namespace proxy
