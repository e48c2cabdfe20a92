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
  auto is_batched = first != nullptr;
  return {std::move(first), error, wanted == "batched", is_batched};
}

bool io_choice::apply(call_batch& to, const make& another, tell not_after_all) {
  if (!is_batched)
    return true;
  auto how = first ? std::move(first) : another();
  if (!how && is_demanded) {
    error = errno;
    return false;
  }
  if (!how) {
    not_after_all(why(errno));
    return true;
  }
  to.use(std::move(how));
  to.when_given_up([tell = std::move(not_after_all)](int given_up) { tell(why(given_up)); });
  return true;
}

} // namespace proxy
