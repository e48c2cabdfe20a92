#include "actors/loop/local_address.hpp"

namespace proxy {

ip_sockaddr local_address(int descriptor) noexcept {
  ip_sockaddr out;
  (void)::getsockname(descriptor, out.get(), &out.size);
  return out;
}

} // namespace proxy
