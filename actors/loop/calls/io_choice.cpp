#include "actors/loop/calls/io_choice.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace proxy {

std::string io_choice::why(int error) {
  if (error == 0)
    return {};
  auto text = std::string{"io_uring: "} + std::strerror(error);
  if (error == EPERM || error == EACCES)
    text += " (by a seccomp filter, as most containers have, or by kernel.io_uring_disabled)";
  return text;
}

io_choice choose_io(std::string_view wanted, network& on) {
  if (wanted == "plain")
    return {};
  auto first = on.make_executor();
  auto error = first ? 0 : errno;
  return {std::move(first), error, wanted == "batched"};
}

} // namespace proxy
