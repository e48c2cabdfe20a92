#include "actors/net/socket.hpp"

#include "actors/loop/calls/lingering.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace proxy {

namespace {

ssize_t failed_with(int error) noexcept {
  errno = error;
  return -1;
}

bool is_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

/// A write was told of a reset: the kernel tells once, and to who reads after it the stream seems
/// to have ended. (With EPIPE the end had come before.)
bool was_reset(int write_error) noexcept { return write_error != 0 && write_error != EPIPE; }

} // namespace

bool socket::open(event_loop& on, int descriptor, ready_handler* wakes, origin from) {
  close();
  fd = descriptor;
  ready = 0;
  loop_ = &on;
  waker_ = wakes;
  kept_alive_ = false;
  is_bulk_ = false;
  small_writes_ = from == origin::dialled ? small_writes::first : small_writes::go_at_once;
  if (on.calls().gathers()) {
    watch_ = on.watch_later(*this);
    return true;
  }
  if (on.watch(*this))
    return true;
  on.network().close(std::exchange(fd, -1));
  return false;
}

/// Has nothing in the turn's calls any more, but for what it wrote.
void socket::leave_calls() noexcept {
  auto& calls = loop_->calls();
  if (slot_ != 0)
    calls.release(std::exchange(slot_, uint8_t{0}));
  if (watch_ != 0)
    calls.drop(std::exchange(watch_, uint16_t{0}));
  loop_->forget(*this);
}

void socket::close() noexcept {
  if (fd < 0)
    return;
  if (has_unread())
    return abort(); // as the kernel does with what is closed with bytes that nobody has read
  auto& calls = loop_->calls();
  leave_calls();
  auto number = std::exchange(fd, -1);
  ready = 0;
  if (queued_ != 0)
    calls.close_after(std::exchange(queued_, uint16_t{0}));
  else if (owes_bytes())
    let_linger(*loop_, number, kept_->unsent);
  else if (calls.gathers())
    calls.close(number);
  else
    loop_->network().close(number);
  kept_.reset();
}

void socket::abort() noexcept {
  if (fd < 0)
    return;
  if (queued_ != 0)
    loop_->calls().run(); // what was written before may still be of use
  leave_calls();
  kept_.reset();
  loop_->network().reset(std::exchange(fd, -1));
  ready = 0;
}

void socket::watch_ended(int error) noexcept {
  watch_ = 0;
  if (error == 0)
    return;
  kept().read_error = error;
  lose_write(error);
  loop_->rouse(*this);
}

void socket::on_ready() {
  if (kept_) {
    kept_->more_came = true; // in a turn that reads ahead that has been noted by now
    if (owes_bytes() && may_write())
      send_kept();
    tidy();
    if (has_kept_input())
      ready |= io_in; // of which the kernel knows nothing any more
  }
  if (waker_)
    waker_->fire();
}

// -- reading --

// Who reads much at a time copies it once: read ahead, it would be copied twice. What is dead
// before a byte was written may be a connection that was refused: a read would take the error that
// says so
// (`take_error`).
void socket::read_ahead(call_batch& calls) noexcept {
  if (kept_)
    kept_->more_came = true; // its flow may be woken by another socket, before `on_ready`
  auto may_be_refused = dead() && small_writes_ == small_writes::first;
  if (!may_read() || may_be_refused || has_read_ahead() || is_bulk_ || loop_->memory().is_full())
    return;
  slot_ = calls.read(*this);
}

void socket::keep_read(call_batch& calls) noexcept {
  auto number = std::exchange(slot_, uint8_t{0});
  const auto& slot = calls.at(number);
  if (slot.result < 0 && is_block(static_cast<int>(-slot.result)))
    return met_read_block();
  auto& k = kept();
  if (slot.result < 0) {
    k.read_error = static_cast<int>(-slot.result);
  } else if (slot.result == 0) {
    k.end = true;
  } else {
    auto size = static_cast<size_t>(slot.result);
    k.unread.assign(calls.bytes_of(number) + slot.taken, size - slot.taken);
    k.more_came = size == call_batch::slot_size;
  }
  k.on_account.set(k.unread.size() + k.unsent.size());
}

io_result socket::finish_read(ssize_t n, size_t asked, bool short_means_empty) noexcept {
  if (n > 0) {
    note_size(n);
    if (short_means_empty && static_cast<size_t>(n) < asked)
      met_read_block();
    return {io_result::status::ok, 0, static_cast<size_t>(n)};
  }
  if (n == 0)
    return {io_result::status::end, 0, 0};
  if (is_block(errno) || errno == EINTR) {
    if (errno != EINTR)
      ready &= static_cast<uint8_t>(~io_in);
    return {io_result::status::would_block, 0, 0};
  }
  return {io_result::status::failed, errno, 0};
}

ssize_t socket::take(std::span<char> into) noexcept {
  if (slot_ != 0)
    return receive_slot(into);
  if (kept_)
    return receive_kept(into);
  return loop_->network().read(fd, into);
}

ssize_t socket::receive(char* into, size_t room) noexcept {
  auto n = take({into, room});
  if (n > 0)
    note_size(n);
  return n;
}

io_result socket::read(std::span<char> into) noexcept {
  return finish_read(take(into), into.size(), true);
}

ssize_t socket::receive_slot(std::span<char> into) noexcept {
  auto& calls = loop_->calls();
  auto& slot = calls.at(slot_);
  auto result = slot.result;
  if (result <= 0) {
    calls.release(std::exchange(slot_, uint8_t{0}));
    if (result == 0 && kept_ && was_reset(kept_->write_error))
      result = -kept_->write_error;
    return result == 0 ? 0 : failed_with(static_cast<int>(-result));
  }
  auto size = static_cast<size_t>(result);
  auto count = std::min(into.size(), size - slot.taken);
  std::memcpy(into.data(), calls.bytes_of(slot_) + slot.taken, count);
  slot.taken += count;
  if (slot.taken < size)
    return static_cast<ssize_t>(count);
  calls.release(std::exchange(slot_, uint8_t{0}));
  return size < call_batch::slot_size ? static_cast<ssize_t>(count) : receive_rest(into, count);
}

ssize_t socket::receive_kept(std::span<char> into) noexcept {
  auto& k = *kept_;
  if (k.taken < k.unread.size()) {
    auto count = k.unread.copy(into.data(), into.size(), k.taken);
    k.taken += count;
    if (k.taken < k.unread.size())
      return static_cast<ssize_t>(count);
    std::string{}.swap(k.unread);
    k.taken = 0;
    auto more = std::exchange(k.more_came, false);
    tidy();
    return more ? receive_rest(into, count) : static_cast<ssize_t>(count);
  }
  auto error = std::exchange(k.read_error, 0);
  auto end = std::exchange(k.end, false);
  auto write_error = k.write_error;
  auto lost_write = k.lost_write;
  tidy();
  if (error != 0)
    return failed_with(error);
  auto n = end ? 0 : loop_->network().read(fd, into);
  if (n == 0 && was_reset(write_error))
    return failed_with(write_error);
  // Whoever waits for an answer to what was not sent would wait in vain.
  return n < 0 && is_block(errno) && lost_write != 0 ? failed_with(lost_write) : n;
}

/// Fills what is left of the room: a read that comes back short has emptied the socket.
ssize_t socket::receive_rest(std::span<char> into, size_t got) noexcept {
  if (got == into.size())
    return static_cast<ssize_t>(got);
  auto n = loop_->network().read(fd, into.subspan(got));
  if (n >= 0)
    return static_cast<ssize_t>(got) + n;
  if (!is_block(errno) && errno != EINTR)
    kept().read_error = errno;
  return static_cast<ssize_t>(got);
}

bool socket::has_unread() const noexcept {
  if (slot_ != 0)
    return loop_->calls().at(slot_).result > 0;
  return kept_ && !kept_->unread.empty();
}

bool socket::has_kept_input() const noexcept {
  return kept_ && (!kept_->unread.empty() || kept_->end || kept_->read_error != 0);
}

bool socket::has_input() noexcept {
  if (!may_read())
    return false;
  if (slot_ != 0)
    return !is_block(static_cast<int>(-loop_->calls().at(slot_).result));
  if (has_kept_input())
    return true;
  char byte;
  return !finish_read(loop_->network().peek(fd, {&byte, 1}), 1, false).blocked();
}

// -- writing --

io_result socket::finish_write(ssize_t n, size_t asked) noexcept {
  if (n >= 0) {
    if (static_cast<size_t>(n) < asked)
      ready &= static_cast<uint8_t>(~io_out);
    return {io_result::status::ok, 0, static_cast<size_t>(n)};
  }
  if (is_block(errno) || errno == EINTR) {
    if (errno != EINTR)
      ready &= static_cast<uint8_t>(~io_out);
    return {io_result::status::would_block, 0, 0};
  }
  return {io_result::status::failed, errno, 0};
}

void socket::let_small_writes_go() noexcept {
  if (small_writes_ == small_writes::wait)
    loop_->network().send_at_once(fd);
  small_writes_ =
    small_writes_ == small_writes::first ? small_writes::wait : small_writes::go_at_once;
}

ssize_t socket::transmit(std::span<const iovec> parts, size_t size, bool more) noexcept {
  if (fd < 0)
    return failed_with(EBADF);
  auto& calls = loop_->calls();
  auto gathers = calls.gathers() && size <= call_batch::max_write;
  if (queued_ != 0) {
    if (gathers && calls.append(queued_, parts, size))
      return static_cast<ssize_t>(size);
    calls.run(); // the order is kept
  }
  if (!has_paid())
    return owe_more(parts, size);
  if (kept_ && kept_->write_error != 0)
    return failed_with(kept_->write_error);
  if (small_writes_ != small_writes::go_at_once)
    let_small_writes_go();
  if (gathers) {
    queued_ = calls.write(*this, parts, size);
    return static_cast<ssize_t>(size);
  }
  if (parts.size() > 1)
    return loop_->network().write(fd, parts);
  return loop_->network().write(fd, {static_cast<const char*>(parts[0].iov_base), parts[0].iov_len},
                                more);
}

ssize_t socket::send(const char* bytes, size_t count, bool more) noexcept {
  iovec all{const_cast<char*>(bytes), count};
  return transmit({&all, 1}, count, more);
}

io_result socket::write(std::string_view bytes) noexcept {
  return finish_write(send(bytes.data(), bytes.size(), false), bytes.size());
}

io_result socket::write(std::span<const iovec> parts) noexcept {
  size_t asked = 0;
  for (const auto& part : parts)
    asked += part.iov_len;
  return finish_write(transmit(parts, asked, false), asked);
}

void socket::write_ended(const ended_write& what) noexcept {
  queued_ = 0;
  if (what.rest.empty())
    return;
  auto& k = kept();
  if (what.error != 0 && what.error != EINTR) {
    lose_write(what.error);
    loop_->rouse(*this);
    return;
  }
  k.unsent.assign(what.rest);
  k.shuts_down = what.shuts_down;
  k.on_account.set(k.unread.size() + k.unsent.size());
  if (what.error == EINTR)
    loop_->rouse(*this); // no event would tell that there is room
  else
    met_write_block();
}

/// Of who writes without having waited for room: last words, which nobody comes back with.
ssize_t socket::owe_more(std::span<const iovec> parts, size_t size) {
  auto& k = *kept_;
  if (k.unsent.size() + size > call_batch::max_write)
    return failed_with(EAGAIN);
  for (const auto& part : parts)
    k.unsent.append(static_cast<const char*>(part.iov_base), part.iov_len);
  k.on_account.set(k.unread.size() + k.unsent.size());
  return static_cast<ssize_t>(size);
}

/// Nothing has to be sent before what is written now.
bool socket::has_paid() noexcept {
  if (owes_bytes() && may_write()) {
    send_kept();
    tidy();
  }
  return !owes_bytes();
}

void socket::send_kept() noexcept {
  auto& k = *kept_;
  auto sent = loop_->network().write(fd, std::string_view{k.unsent}, false);
  if (sent < 0 && errno == EINTR)
    return loop_->rouse(*this);
  if (sent < 0 && !is_block(errno)) {
    auto error = errno;
    k.unsent.clear();
    return lose_write(error);
  }
  if (sent > 0)
    k.unsent.erase(0, static_cast<size_t>(sent));
  if (!k.unsent.empty())
    return met_write_block();
  if (std::exchange(k.shuts_down, false))
    loop_->network().shutdown_write(fd);
}

/// What has counted as taken is lost: the connection is of no use any more, and its flow is to find
/// out.
void socket::lose_write(int error) noexcept {
  auto& k = kept();
  k.write_error = error;
  k.lost_write = error;
  ready |= io_in | io_out | io_dead;
}

void socket::shutdown_write() noexcept {
  if (queued_ != 0)
    loop_->calls().shut_down_after(queued_);
  else if (owes_bytes())
    kept_->shuts_down = true;
  else
    loop_->network().shutdown_write(fd);
}

// -- in the clear, without copying --

io_result socket::splice_to(pipe_ends to, size_t limit) noexcept {
  // A short splice may only mean that the pipe is full: readiness stays as it is.
  return finish_read(loop_->network().splice_in(fd, to.write, limit), limit, false);
}

io_result socket::splice_from(pipe_ends from, size_t size, bool more) noexcept {
  if (queued_ != 0)
    loop_->calls().run(); // the order is kept
  if (!has_paid())
    return finish_write(failed_with(EAGAIN), size);
  if (kept_ && kept_->write_error != 0)
    return {io_result::status::failed, kept_->write_error, 0};
  if (small_writes_ != small_writes::go_at_once)
    let_small_writes_go();
  return finish_write(loop_->network().splice_out(from.read, fd, size, more), size);
}

// -- what is left over --

socket::leftover& socket::kept() {
  if (!kept_)
    kept_ = std::make_unique<leftover>(loop_->memory());
  return *kept_;
}

/// Lets go of what has been dealt with.
void socket::tidy() noexcept {
  if (!kept_)
    return;
  auto& k = *kept_;
  if (k.unread.empty() && k.unsent.empty() && k.read_error == 0 && k.write_error == 0 && !k.end)
    kept_.reset();
  else
    k.on_account.set(k.unread.size() + k.unsent.size());
}

} // namespace proxy
