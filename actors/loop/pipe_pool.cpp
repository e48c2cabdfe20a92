#include "actors/loop/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace proxy {

pipe_pool::~pipe_pool() {
  for (auto ends : kept_)
    discard(ends);
}

pipe_ends pipe_pool::borrow() {
  if (!kept_.empty()) {
    auto ends = kept_.back();
    kept_.pop_back();
    return ends;
  }
#ifdef __linux__
  int fds[2];
  if (::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
    return {};
  // An unprivileged user's share of pipe memory is bounded; a smaller pipe works as well, only
  // slower.
  if (::fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(capacity)) < 0)
    ::fcntl(fds[1], F_SETPIPE_SZ, 256 * 1024);
  return {fds[0], fds[1]};
#else
  return {};
#endif
}

void pipe_pool::give_back(pipe_ends empty) {
  if (kept_.size() < max_kept)
    kept_.push_back(empty);
  else
    discard(empty);
}

void pipe_pool::discard(pipe_ends used) noexcept {
  if (!used)
    return;
  ::close(used.read);
  ::close(used.write);
}

} // namespace proxy
