#include "actors/loop/local_address.hpp"

namespace proxy {

ip_sockaddr local_address(int descriptor) noexcept {
  ip_sockaddr out;
  (void)::getsockname(descriptor, out.get(), &out.size);
  return out;
}

std::optional<ip_sockaddr> translated_address(int descriptor) noexcept {
#ifdef __linux__
  // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, whose headers do not go with those of the C library.
  constexpr int original_destination = 80;
  for (auto level : {IPPROTO_IP, IPPROTO_IPV6}) {
    ip_sockaddr out;
    if (::getsockopt(descriptor, level, original_destination, out.get(), &out.size) == 0 &&
        out.ip())
      return out;
  }
#else
  (void)descriptor;
#endif
  return std::nullopt;
}

} // namespace proxy
