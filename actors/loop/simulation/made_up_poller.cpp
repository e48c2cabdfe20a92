#include "actors/loop/simulation/made_up_poller.hpp"

#include <algorithm>
#include <cerrno>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

made_up_poller::~made_up_poller() {
  for (auto& [fd, source] : all_)
    if (auto* what = node_.file(fd))
      what->watched_by(nullptr, nullptr);
}

bool made_up_poller::insert(io_source& source, bool shared) {
  auto* what = node_.file(source.fd);
  if (!what) {
    errno = EBADF;
    return false;
  }
  all_[source.fd] = &source;
  if (shared)
    shared_[source.fd] = &source;
  else
    what->watched_by(this, &source);
  if (!shared && what->level() != 0)
    touch(source);
  return true;
}

void made_up_poller::remove(io_source& source) {
  if (auto* what = node_.file(source.fd); what && !shared_.contains(source.fd))
    what->watched_by(nullptr, nullptr);
  shared_.erase(source.fd);
  all_.erase(source.fd);
  std::erase(touched_, &source);
}

void made_up_poller::touch(io_source& source) {
  if (std::ranges::find(touched_, &source) == touched_.end())
    touched_.push_back(&source);
}

bool made_up_poller::has_news() const {
  auto waits = [&](const auto& each) {
    auto* what = node_.file(each.first);
    return what && what->level() != 0;
  };
  return woken_ || !touched_.empty() || std::ranges::any_of(shared_, waits);
}

size_t made_up_poller::wait(std::span<io_event> out, std::chrono::milliseconds) {
  woken_ = false;
  size_t filled = 0;
  for (auto& [fd, source] : shared_)
    if (auto* what = node_.file(fd); what && what->level() != 0 && filled < out.size())
      out[filled++] = {source, what->level()};
  size_t taken = 0;
  for (; taken < touched_.size() && filled < out.size(); ++taken)
    if (auto* what = node_.file(touched_[taken]->fd); what && what->level() != 0)
      out[filled++] = {touched_[taken], what->level()};
  touched_.erase(touched_.begin(), touched_.begin() + static_cast<std::ptrdiff_t>(taken));
  return filled;
}

} // namespace proxy::simulation
