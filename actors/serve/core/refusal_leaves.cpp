#include "actors/serve/core/refusal_leaves.hpp"

#include <algorithm>

namespace proxy {

bool refusal_leaves::may_show(const tls::authority& ca, const host& name, const std::string& client,
                              tls::leaf::time_point now) {
  if (cache.find(ca, name, now))
    return true;
  auto& mine = clients_[client];
  // A clock that is set back brings nothing.
  if (now > mine.at)
    mine.left = std::min(burst, mine.left + std::chrono::duration<double>(now - mine.at) / pause);
  mine.at = now;
  if (mine.left < 1)
    return false;
  mine.left -= 1;
  return true;
}

} // namespace proxy
