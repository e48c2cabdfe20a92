#include "actors/loop/pipe_pool.hpp"

#include <unistd.h>

#include "actors/loop/platform.hpp"

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
  return platform::open_splice_pipe(capacity);
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
