#include "tests/support/party.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocols/error.hpp"

namespace proxy::test {

namespace {

/// Makes a call again that has come to nothing though it could have been done: nobody tells a party
/// when to try, as a poller would.
template <class Call>
ssize_t persist(simulation::node& on, int fd, uint8_t ready, Call call) {
  constexpr int most_tries = 20;
  for (int tries = 1;; ++tries)
    if (auto n = call();
        n >= 0 || errno != EAGAIN || tries == most_tries || (on.readiness(fd) & ready) == 0)
      return n;
}

} // namespace

void party::begin(int family, const ip_sockaddr& to) {
  fd_ = node_.open(socket_kind::stream, family);
  if (node_.connect(fd_, to.get(), to.size) != 0 && errno != EINPROGRESS)
    fail_with(errno);
}

void party::connect(const ip_address& to, uint16_t port) {
  begin(to.is_v4() ? AF_INET : AF_INET6, make_sockaddr(to, port));
}

void party::connect(const std::string& path) { begin(AF_UNIX, simulation::name_of(path)); }

bool party::accept(int listener) {
  ip_sockaddr from;
  fd_ = node_.accept(listener, from);
  return fd_ >= 0;
}

void party::close() {
  tls_ = nullptr;
  if (fd_ >= 0)
    node_.close(std::exchange(fd_, -1));
}

void party::reset() {
  tls_ = nullptr;
  if (fd_ >= 0)
    node_.reset(std::exchange(fd_, -1));
}

void party::speak_tls(const tls::client_context& trusting, std::string_view name,
                      tls::client_options options) {
  tls_ = trusting.session(*host::parse(name), *this, options);
  serves_ = false;
  begin_tls();
}

void party::answer_tls(const tls::server_context& with, tls::leaf_ptr as,
                       tls::server_options options) {
  shown_ = std::move(as);
  tls_ = with.session(*shown_, *this, std::exchange(text, {}), options);
  serves_ = true;
  begin_tls();
}

void party::begin_tls() {
  shaken_ = false;
  if (!tls_)
    throw std::bad_alloc{};
  move();
}

void party::say(std::string_view bytes) {
  out_.append(bytes);
  move();
}

bool party::hears(std::string_view what) {
  move();
  return text.find(what) != std::string::npos;
}

bool party::is_over() {
  move();
  return ended || is_broken();
}

ssize_t party::receive(char* into, size_t room) noexcept {
  auto n = persist(node_, fd_, io_in, [&] { return node_.read(fd_, {into, room}); });
  if (n > 0)
    count_records({into, static_cast<size_t>(n)});
  return n;
}

/// Keeps where the last record begins (RFC 8446 §5.1): its length is in bytes 3 and 4.
void party::count_records(std::string_view bytes) {
  constexpr size_t header = 5;
  came_ += bytes.size();
  for (auto at = record_ + header_.size(); at < came_;) {
    bytes.remove_prefix(bytes.size() - (came_ - at));
    header_ += bytes.substr(0, header - header_.size());
    if (header_.size() < header)
      return;
    auto size = static_cast<uint8_t>(header_[3]) << 8 | static_cast<uint8_t>(header_[4]);
    if (came_ < record_ + header + static_cast<size_t>(size))
      return;
    at = record_ += header + static_cast<size_t>(size);
    header_.clear();
  }
}

ssize_t party::send(const char* bytes, size_t count, bool more) noexcept {
  return persist(node_, fd_, io_out, [&] { return node_.write(fd_, {bytes, count}, more); });
}

void party::fail_with(int number) {
  if (number != EAGAIN && error == 0)
    error = number;
}

void party::shake_hands() {
  auto came_to = serves_ ? tls::accept_step(*tls_) : tls::connect_step(*tls_);
  shaken_ = came_to == tls::step::done;
  if (came_to == tls::step::failed && tls_error.empty())
    tls_error = context_of(serves_ ? tls::accept_error(*tls_) : tls::handshake_error(*tls_));
}

void party::move_out() {
  while (!out_.empty()) {
    size_t moved = 0;
    if (tls_) {
      if (tls::write(*tls_, out_.view().data(), out_.size(), moved) == tls::step::failed &&
          moved == 0)
        return (void)(tls_error = "broken");
    } else if (auto n =
                 persist(node_, fd_, io_out, [&] { return node_.write(fd_, out_.view(), false); });
               n > 0) {
      moved = static_cast<size_t>(n);
    } else {
      fail_with(errno);
    }
    if (moved == 0)
      return;
    out_.remove(moved);
  }
  if (!finishing_ || finished_ || (tls_ && !tls::shutdown(*tls_)))
    return;
  finished_ = true;
  node_.shutdown_write(fd_);
}

void party::move_in(size_t most) {
  char block[16384];
  while (!ended && error == 0 && !deaf_ && text.size() < most) {
    size_t moved = 0;
    if (tls_) {
      auto came_to = tls::read(*tls_, block, sizeof block, moved);
      ended = came_to == tls::step::end;
      if (came_to == tls::step::failed)
        tls_error = "broken";
    } else {
      auto n = persist(node_, fd_, io_in, [&] { return node_.read(fd_, block); });
      if (n < 0)
        fail_with(errno);
      ended = n == 0;
      moved = n > 0 ? static_cast<size_t>(n) : 0;
    }
    text.append(block, moved);
    if (moved == 0)
      return;
  }
}

void party::move(size_t most) {
  if (fd_ < 0 || !tls_error.empty())
    return;
  if (error == 0 && tls_ && !shaken_)
    shake_hands();
  if (tls_ && !shaken_)
    return;
  if (error == 0)
    move_out();
  move_in(most);
}

} // namespace proxy::test
