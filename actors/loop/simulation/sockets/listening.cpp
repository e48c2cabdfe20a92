#include <sys/stat.h>

#include <cerrno>

#include "actors/loop/simulation/node.hpp"
#include "actors/loop/simulation/sockets/stream.hpp"

namespace proxy::simulation {

void listening::close() {
  listens_ = false;
  on_.stops_listening(*this);
  for (auto& each : std::exchange(queue_, {})) {
    if (each->is_unix_)
      each->leave(true);
    else
      each->reset();
  }
}

int listening::bind_to_path(const ip_sockaddr& at) {
  auto path = path_of(at);
  if (::mknod(path.c_str(), S_IFSOCK | 0777, 0) != 0)
    return failed(errno == EEXIST ? EADDRINUSE : errno);
  local_ = at;
  if (auto file = socket_file_at(path))
    on_.begins_listening(*this, *file);
  return 0;
}

int listening::bind(const ip_sockaddr& at) {
  if (at.family() == AF_UNIX)
    return bind_to_path(at);
  if (!at.ip())
    return failed(EAFNOSUPPORT);
  if (!on_.may_be_bound(*at.ip()))
    return failed(EADDRNOTAVAIL);
  local_ = at;
  if (at.port() == 0)
    local_ = make_sockaddr(*at.ip(), on_.free_port());
  else if (!on_.may_bind(*this, at))
    return failed(EADDRINUSE);
  on_.begins_listening(*this);
  return 0;
}

int listening::listen() {
  listens_ = true;
  return 0;
}

bool listening::takes(const ip_sockaddr& to) const noexcept {
  auto mine = local_.ip(), theirs = to.ip();
  if (!listens_ || !mine || !theirs || local_.port() != to.port() ||
      mine->is_v4() != theirs->is_v4())
    return false;
  return *mine == *theirs || *mine == ip_address{} || *mine == ip_address::v4(0);
}

stream_ptr listening::receive(const stream_ptr& from) {
  if (queue_.size() >= backlog)
    return nullptr;
  auto made = std::make_shared<stream>(on_, from->is_unix_);
  made->local_ = from->is_unix_ ? local_ : from->remote_;
  made->remote_ = from->local_;
  made->state_ = stream::state::open;
  made->other_ = from;
  queue_.push_back(made);
  touch();
  return made;
}

stream_ptr listening::accept() {
  if (queue_.empty())
    return nullptr;
  auto first = queue_.front();
  queue_.pop_front();
  return first;
}

} // namespace proxy::simulation
