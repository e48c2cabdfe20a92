#include "actors/loop/pipe_pool.hpp"

#include "actors/loop/system/network.hpp"

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
  return network_.open_pipe(capacity);
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
  network_.close(used.read);
  network_.close(used.write);
}

} // namespace proxy
