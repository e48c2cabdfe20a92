#include "actors/loop/simulation/node.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "actors/loop/datagram_buffer.hpp"

/// A node as the network of its loops.

namespace proxy::simulation {

namespace {

ip_sockaddr read_name(const sockaddr* from, socklen_t size) {
  ip_sockaddr out;
  out.size = std::min<socklen_t>(size, sizeof out.storage);
  std::memcpy(&out.storage, from, out.size);
  return out;
}

} // namespace

int node::add(open_file_ptr made) {
  if (!has_room())
    return failed(EMFILE);
  auto fd = next_fd_++;
  files_.emplace(fd, std::move(made));
  return fd;
}

std::unique_ptr<poller> node::make_poller() { return std::make_unique<made_up_poller>(*this); }

int node::open(socket_kind kind, int family) noexcept {
  auto is_ip = family == AF_INET || family == AF_INET6;
  auto has_connections = kind == socket_kind::stream || kind == socket_kind::listener;
  if (!is_ip && (family != AF_UNIX || !has_connections))
    return failed(EAFNOSUPPORT);
  if (auto error = faults_.take(call::open); error != 0)
    return failed(error);
  if (kind == socket_kind::stream)
    return add(std::make_shared<stream>(*this, family == AF_UNIX));
  if (kind == socket_kind::listener)
    return add(std::make_shared<listening>(*this));
  return add(std::make_shared<datagrams>(*this, kind == socket_kind::datagram_rows));
}

int node::open_spare() noexcept {
  return has_room() ? *spares_.insert(next_fd_++).first : failed(EMFILE);
}

void node::close(int fd) noexcept {
  if (auto found = files_.find(fd); found != files_.end()) {
    auto what = std::move(found->second);
    files_.erase(found);
    kept_alive_.erase(fd);
    what->watched_by(nullptr, nullptr);
    what->close();
  } else if (pipes_.erase(fd) == 0) { // with its reading end a pipe goes
    spares_.erase(fd);
  }
}

void node::reset(int fd) noexcept {
  if (auto* what = file(fd))
    what->reset();
  close(fd);
}

int node::connect(int fd, const sockaddr* to, socklen_t size) noexcept {
  auto* what = file(fd);
  if (what && on_connect)
    on_connect(read_name(to, size));
  if (auto error = what ? faults_.take(call::connect) : 0; error != 0)
    return failed(error);
  return what ? what->connect(read_name(to, size)) : failed(EBADF);
}

int node::take_error(int fd) noexcept {
  auto* what = file(fd);
  return what ? what->take_error() : EBADF;
}

int node::bind(int fd, const sockaddr* at, socklen_t size) noexcept {
  auto* what = file(fd);
  return what ? what->bind(read_name(at, size)) : failed(EBADF);
}

void node::share_port(int fd, bool share) noexcept {
  if (auto* what = as<listening>(fd))
    what->share(share);
}

int node::listen(int fd) noexcept {
  auto* what = as<listening>(fd);
  return what ? what->listen() : failed(EOPNOTSUPP);
}

int node::accept(int listener, ip_sockaddr& peer) noexcept {
  auto* what = as<listening>(listener);
  if (!what)
    return failed(EINVAL);
  if (!has_room())
    return failed(EMFILE); // whether anybody waits or not
  if (what->level() == 0)
    return failed(EAGAIN);
  if (auto error = faults_.take(call::accept); error != 0) {
    if (error == ECONNABORTED) // whoever waited does so no more
      what->accept()->reset();
    return failed(error);
  }
  auto made = what->accept();
  peer = made->remote();
  return add(std::move(made));
}

ip_sockaddr node::local_address(int fd) const noexcept {
  auto* what = file(fd);
  return what ? what->local() : ip_sockaddr{};
}

ip_sockaddr node::peer_address(int fd) const noexcept {
  auto* what = file(fd);
  return what ? what->remote() : ip_sockaddr{};
}

std::optional<ip_sockaddr> node::translated_address(int) const noexcept { return std::nullopt; }

bool node::has_way_to(const ip_sockaddr& to) noexcept {
  return to.ip() && net_.find(*this, *to.ip()) != nullptr;
}

ssize_t node::read(int fd, std::span<char> into) noexcept {
  auto* what = file(fd);
  if (auto error = what ? faults_.take(call::read) : 0; error != 0) {
    what->meet(error);
    return failed(error);
  }
  return what ? what->read(into, false) : failed(EBADF);
}

ssize_t node::peek(int fd, std::span<char> into) noexcept {
  auto* what = file(fd);
  return what ? what->read(into, true) : failed(EBADF);
}

ssize_t node::write(int fd, std::string_view bytes, bool) noexcept {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  return write(fd, std::span<const iovec>{&part, 1});
}

ssize_t node::write(int fd, std::span<const iovec> parts) noexcept {
  auto* what = file(fd);
  if (what && on_write && !parts.empty())
    on_write(what->local(), what->remote(),
             {static_cast<const char*>(parts[0].iov_base), parts[0].iov_len});
  if (auto error = what ? faults_.take(call::write) : 0; error != 0) {
    what->meet(error);
    return failed(error);
  }
  return what ? what->write(parts) : failed(EBADF);
}

void node::shutdown_write(int fd) noexcept {
  if (auto* what = file(fd))
    what->shutdown_write();
}

pipe_ends node::open_pipe(size_t capacity) noexcept {
  if (!has_room(2) || faults_.take(call::pipe) != 0)
    return {};
  auto fd = std::exchange(next_fd_, next_fd_ + 2);
  pipes_.emplace(fd, pipe{{}, capacity});
  return {fd, fd + 1};
}

ssize_t node::splice_in(int fd, int to, size_t limit) noexcept {
  auto found = pipes_.find(to - 1);
  if (found == pipes_.end())
    return failed(EBADF);
  auto& into = found->second;
  auto room = into.capacity - std::min(into.capacity, into.bytes.size());
  auto size = std::min({limit, room, stream::window});
  if (size == 0)
    return failed(EAGAIN);
  if (!splice_room_)
    splice_room_ = std::make_unique_for_overwrite<char[]>(stream::window);
  auto got = read(fd, {splice_room_.get(), size});
  if (got > 0)
    into.bytes.append({splice_room_.get(), static_cast<size_t>(got)});
  return got;
}

ssize_t node::splice_out(int from, int fd, size_t size, bool more) noexcept {
  auto found = pipes_.find(from);
  if (found == pipes_.end())
    return failed(EBADF);
  auto& bytes = found->second.bytes;
  if (bytes.empty())
    return failed(EAGAIN);
  auto sent = write(fd, bytes.view().substr(0, size), more);
  if (sent > 0)
    bytes.remove(static_cast<size_t>(sent));
  return sent;
}

ssize_t node::receive(int fd, datagram_buffer& into) noexcept {
  auto* what = as<datagrams>(fd);
  if (!what)
    return failed(EBADF);
  if (auto error = faults_.take(call::receive); error != 0)
    return failed(error);
  ssize_t count = 0;
  for (size_t i = 0; i < datagram_buffer::slots; ++i, ++count) {
    auto got = what->take_row(datagram_buffer::slot_size);
    if (!got)
      return count > 0 ? count : -1;
    auto& row = into.at(i);
    row.size = got->bytes.copy(into.slot(i), datagram_buffer::slot_size);
    row.segment = got->segment;
    row.from = got->from;
  }
  return count;
}

ssize_t node::send(int fd, std::span<const datagram_row> rows) noexcept {
  auto* what = as<datagrams>(fd);
  if (!what)
    return failed(EBADF);
  ssize_t count = 0;
  for (const auto& row : rows) {
    if (on_send)
      on_send(*row.to);
    std::string bytes;
    for (const auto& part : row.parts)
      bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    auto error = faults_.take(call::send);
    if (error == 0)
      error = what->send_row(*row.to, bytes, row.segment);
    if (error != 0)
      return count > 0 ? count : failed(error);
    ++count;
  }
  return count;
}

ssize_t node::receive_from(int fd, std::span<char> into, ip_sockaddr* from) noexcept {
  auto* what = as<datagrams>(fd);
  if (!what)
    return read(fd, into);
  if (auto error = faults_.take(call::receive); error != 0)
    return failed(error);
  auto got = what->take();
  if (!got)
    return -1;
  if (from)
    *from = got->from;
  return static_cast<ssize_t>(got->bytes.copy(into.data(), into.size()));
}

uint8_t node::readiness(int fd) noexcept {
  auto* what = file(fd);
  return what ? static_cast<uint8_t>(what->level() & (io_in | io_out)) : uint8_t{0};
}

} // namespace proxy::simulation
