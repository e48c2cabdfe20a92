#include "actors/loop/simulation/node.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "actors/loop/datagram_buffer.hpp"

namespace proxy::simulation {

namespace {

bool is_loopback(const ip_address& a) {
  return a.is_v4() ? a.low32() >> 24 == 127 : a == *ip_address::parse("::1");
}

ip_sockaddr read_name(const sockaddr* from, socklen_t size) {
  ip_sockaddr out;
  out.size = std::min<socklen_t>(size, sizeof out.storage);
  std::memcpy(&out.storage, from, out.size);
  return out;
}

} // namespace

int failed(int error) noexcept {
  errno = error;
  return -1;
}

int open_file::bind(const ip_sockaddr&) { return failed(EINVAL); }
int open_file::connect(const ip_sockaddr&) { return failed(EOPNOTSUPP); }
ssize_t open_file::read(std::span<char>, bool) { return failed(ENOTCONN); }
ssize_t open_file::write(std::span<const iovec>) { return failed(ENOTCONN); }

node::node(internet& of, std::string name, std::vector<ip_address> addresses)
  : net_(of), name_(std::move(name)), addresses_(std::move(addresses)) {}

node::~node() = default;

std::string node::list() const {
  auto name = [](const ip_sockaddr& at) {
    return at.ip() ? at.ip()->str() + ':' + std::to_string(at.port()) : std::string{"-"};
  };
  std::string out;
  for (const auto& [fd, what] : files_)
    out += (out.empty() ? "" : ", ") + std::to_string(fd) + ' ' + name(what->local()) + " to " +
           name(what->remote()) + " (" + std::to_string(what->level()) + ')';
  return out;
}

bool node::is_reached_by(const ip_address& address) const noexcept {
  return std::ranges::find(addresses_, address) != addresses_.end();
}

bool node::has(const ip_address& address) const noexcept {
  return is_loopback(address) || is_reached_by(address);
}

ip_sockaddr node::own_end(const ip_address& towards) {
  auto mine = towards;
  if (!is_loopback(towards))
    for (const auto& each : addresses_)
      if (each.is_v4() == towards.is_v4()) {
        mine = each;
        break;
      }
  return make_sockaddr(mine, free_port());
}

uint16_t node::free_port() noexcept {
  next_port_ = next_port_ < 60'999 ? static_cast<uint16_t>(next_port_ + 1) : uint16_t{32'768};
  return next_port_;
}

bool node::may_bind(const listening& who, const ip_sockaddr& at) const {
  auto wide = [](const ip_address& a) { return a == ip_address{} || a == ip_address::v4(0); };
  return std::ranges::none_of(listeners_, [&](const listening* other) {
    auto theirs = *other->local().ip(), ours = *at.ip();
    auto meets = theirs.is_v4() == ours.is_v4() && (theirs == ours || wide(theirs) || wide(ours));
    return other->local().port() == at.port() && meets && !(other->is_shared() && who.is_shared());
  });
}

listening* node::listener_at(const ip_sockaddr& to) const {
  listening* wide = nullptr;
  for (auto* each : listeners_)
    if (each->takes(to)) {
      if (each->local().ip() == to.ip())
        return each;
      wide = each;
    }
  return wide;
}

bool node::takes_port(datagrams& who) {
  return ports_.emplace(std::pair{who.local().ip()->is_v4(), who.local().port()}, &who).second;
}

void node::leaves_port(datagrams& who) {
  std::erase_if(ports_, [&](const auto& each) { return each.second == &who; });
}

datagrams* node::datagrams_at(const ip_sockaddr& to) const {
  auto found = ports_.find({to.ip()->is_v4(), to.port()});
  return found == ports_.end() ? nullptr : found->second;
}

open_file* node::file(int fd) const noexcept {
  auto found = files_.find(fd);
  return found == files_.end() ? nullptr : found->second.get();
}

int node::add(open_file_ptr made) {
  if (descriptors() >= most_descriptors_)
    return failed(EMFILE);
  auto fd = next_fd_++;
  files_.emplace(fd, std::move(made));
  return fd;
}

std::unique_ptr<poller> node::make_poller() { return std::make_unique<made_up_poller>(*this); }

int node::open(socket_kind kind, int family) noexcept {
  if (family != AF_INET && family != AF_INET6)
    return failed(EAFNOSUPPORT);
  switch (kind) {
    case socket_kind::stream: return add(std::make_shared<stream>(*this));
    case socket_kind::listener: return add(std::make_shared<listening>(*this));
    default: return add(std::make_shared<datagrams>(*this));
  }
}

void node::close(int fd) noexcept {
  if (auto found = files_.find(fd); found != files_.end()) {
    auto what = std::move(found->second);
    files_.erase(found);
    what->watched_by(nullptr, nullptr);
    what->close();
  } else if (auto read_end = pipes_.find(fd); read_end != pipes_.end()) {
    pipes_.erase(read_end);
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
  if (what->level() == 0)
    return failed(EAGAIN);
  if (descriptors() >= most_descriptors_)
    return failed(EMFILE);
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
  return what ? what->write(parts) : failed(EBADF);
}

std::vector<sent_bytes> node::sent() const {
  std::vector<sent_bytes> out;
  for (const auto& [fd, what] : files_)
    if (const auto* of = dynamic_cast<const stream*>(what.get()))
      out.push_back({of->local(), of->sent()});
  return out;
}

void node::shutdown_write(int fd) noexcept {
  if (auto* what = file(fd))
    what->shutdown_write();
}

pipe_ends node::open_pipe(size_t capacity) noexcept {
  if (descriptors() + 1 >= most_descriptors_)
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
  std::string bytes(std::min(limit, into.capacity - std::min(into.capacity, into.bytes.size())),
                    '\0');
  if (bytes.empty())
    return failed(EAGAIN);
  auto got = read(fd, bytes);
  if (got > 0)
    into.bytes.append(bytes, 0, static_cast<size_t>(got));
  return got;
}

ssize_t node::splice_out(int from, int fd, size_t size, bool more) noexcept {
  auto found = pipes_.find(from);
  if (found == pipes_.end())
    return failed(EBADF);
  auto& bytes = found->second.bytes;
  if (bytes.empty())
    return failed(EAGAIN);
  auto sent = write(fd, std::string_view{bytes}.substr(0, size), more);
  if (sent > 0)
    bytes.erase(0, static_cast<size_t>(sent));
  return sent;
}

ssize_t node::receive(int fd, datagram_buffer& into) noexcept {
  auto* what = as<datagrams>(fd);
  if (!what)
    return failed(EBADF);
  ssize_t count = 0;
  for (size_t i = 0; i < datagram_buffer::slots; ++i, ++count) {
    auto got = what->take();
    if (!got)
      return count > 0 ? count : -1;
    auto& row = into.at(i);
    row.size = got->bytes.copy(into.slot(i), datagram_buffer::slot_size);
    row.segment = 0;
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
    // A row of several: refused as a whole, as where the kernel cannot; they come one by one.
    auto error = row.segment != 0 ? EINVAL : what->send_to(*row.to, std::move(bytes));
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
