#include "actors/loop/simulation/sockets/stream.hpp"

#include <algorithm>
#include <cerrno>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

namespace {

/// @param from, to  Either may have gone.
const conditions& way_between(const stream* from, const stream* to) {
  static const conditions perfect;
  return from && to ? from->on().net().conditions_between(from->on(), to->on()) : perfect;
}

} // namespace

uint8_t stream::level() const noexcept {
  switch (state_) {
    case state::connecting: return 0;
    case state::fresh:
    case state::over: return io_in | io_out | io_hup | io_dead;
    case state::open: break;
  }
  uint8_t bits = 0;
  if (!in_.empty() || ended_in_)
    bits |= io_in;
  if (outstanding_ < window || ended_out_)
    bits |= io_out;
  if (ended_in_)
    bits |= io_hup;
  if (ended_in_ && ended_out_)
    bits |= io_dead;
  return bits;
}

void stream::tell(size_t size, std::function<void(stream& far)> what) {
  auto there = other_.lock();
  if (!there)
    return;
  auto& net = on_.net();
  auto when = net.arrival(on_, there->on_, size, &last_arrival_);
  net.at(when, [there, what = std::move(what)] { what(*there); });
}

int stream::connect(const ip_sockaddr& to) {
  if (state_ != state::fresh)
    return failed(state_ == state::connecting ? EALREADY : EISCONN);
  if (is_unix_)
    return connect_to_path(to);
  auto ip = to.ip();
  auto* there = ip ? on_.net().find(on_, *ip) : nullptr;
  if (!there)
    return failed(ip ? EHOSTUNREACH : EAFNOSUPPORT);
  remote_ = to;
  local_ = on_.own_end(*ip);
  state_ = state::connecting;
  const auto& way = on_.net().conditions_between(on_, *there);
  if (way.swallows)
    return failed(EINPROGRESS);
  if (way.refuses) {
    refuse_later(*there, ECONNREFUSED);
    return failed(EINPROGRESS);
  }
  auto self = std::static_pointer_cast<stream>(shared_from_this());
  on_.net().at(on_.net().arrival(on_, *there, 0, nullptr), [self, there] {
    auto* who = there->listener_at(self->remote_);
    auto theirs = who ? who->receive(self) : nullptr;
    if (!who)
      return self->refuse_later(*there, ECONNREFUSED);
    if (!theirs)
      return; // as if it had been lost on the way
    self->on_.net().at(there->net().arrival(*there, self->on_, 0, &theirs->last_arrival_),
                       [self, theirs] { self->established(theirs); });
  });
  return failed(EINPROGRESS);
}

int stream::connect_to_path(const ip_sockaddr& to) {
  auto* who = on_.listener_at_path(to);
  if (!who)
    return -1;
  auto self = std::static_pointer_cast<stream>(shared_from_this());
  if (!who->listens())
    return failed(ECONNREFUSED);
  auto theirs = who->receive(self);
  if (!theirs)
    return failed(EAGAIN); // these do not wait
  remote_ = who->local();
  established(theirs);
  return 0;
}

void stream::refuse_later(node& by, int error) {
  auto self = std::static_pointer_cast<stream>(shared_from_this());
  on_.net().at(on_.net().arrival(by, on_, 0, nullptr), [self, error] { self->take_reset(error); });
}

void stream::established(const stream_ptr& other) {
  if (closed_) { // it did not wait for the answer
    other->take_reset(ECONNRESET);
    return;
  }
  other_ = other;
  state_ = state::open;
  touch();
}

ssize_t stream::read(std::span<char> into, bool leave) {
  if (in_.empty()) {
    if (error_ != 0 && (is_unix_ || !ended_in_))
      return failed(std::exchange(error_, 0));
    if (ended_in_ || state_ == state::over)
      return 0;
    return failed(state_ == state::fresh ? ENOTCONN : EAGAIN);
  }
  const auto& way = way_between(other_.lock().get(), this);
  if (on_.net().chance().happens(way.spurious)) {
    touch(); // it is as ready as before
    return failed(EAGAIN);
  }
  auto size = std::min({into.size(), in_.size(), way.longest_read});
  in_.view().copy(into.data(), size);
  if (leave)
    return static_cast<ssize_t>(size);
  in_.remove(size);
  if (!in_.empty() && size < into.size())
    touch(); // a short read means that there is no more: that will be news then
  tell(0, [size](stream& far) { far.take_room(size); });
  return static_cast<ssize_t>(size);
}

ssize_t stream::write(std::span<const iovec> parts) {
  if (error_ != 0 && !is_unix_)
    return failed(std::exchange(error_, 0));
  if (state_ == state::connecting)
    return failed(EAGAIN);
  if (state_ != state::open || ended_out_)
    return failed(EPIPE);
  const auto& way = way_between(this, other_.lock().get());
  if (on_.net().chance().happens(way.spurious)) {
    touch();
    return failed(EAGAIN);
  }
  auto room = std::min(window - std::min(window, outstanding_), way.longest_write);
  size_t asked = 0;
  for (const auto& part : parts)
    asked += part.iov_len;
  std::string bytes;
  bytes.reserve(std::min(asked, room));
  for (const auto& part : parts)
    bytes.append(static_cast<const char*>(part.iov_base),
                 std::min(part.iov_len, room - bytes.size()));
  if (bytes.empty() && asked > 0) {
    full_ = true;
    return failed(EAGAIN);
  }
  auto size = bytes.size();
  outstanding_ += size;
  if (size < asked) {
    full_ = true;
    if (outstanding_ < window)
      touch(); // it was the call that was short, not the room
  }
  if (way.reset_at && carried_ + size > *way.reset_at) {
    auto left = *way.reset_at > carried_ ? *way.reset_at - carried_ : 0;
    bytes.resize(static_cast<size_t>(left));
    tell(bytes.size(), [bytes](stream& far) { far.take_bytes(bytes); });
    tell_of_reset();
    take_reset(ECONNRESET);
    return static_cast<ssize_t>(size);
  }
  carried_ += size;
  tell(size, [bytes = std::move(bytes)](stream& far) { far.take_bytes(bytes); });
  return static_cast<ssize_t>(size);
}

void stream::shutdown_write() {
  if (state_ != state::open || std::exchange(ended_out_, true))
    return;
  tell(0, [](stream& far) { far.take_end(); });
  touch();
}

void stream::close() {
  if (std::exchange(closed_, true))
    return;
  if (is_unix_)
    return leave(!in_.empty());
  // What nobody will read is answered by a reset (RFC 1122 §4.2.2.13).
  if (!in_.empty())
    send_reset();
  else
    shutdown_write();
  if (state_ == state::open) // for what is under way, and the other's end
    on_.keep(shared_from_this());
}

void stream::be_over() {
  state_ = state::over;
  other_.reset();
  on_.let_go(shared_from_this());
}

void stream::leave(bool with_unread) {
  if (state_ == state::open)
    tell(0, [with_unread](stream& far) { far.take_leave(with_unread); });
  be_over();
}

void stream::reset() {
  if (is_unix_)
    return close(); // they know of no other way
  if (!std::exchange(closed_, true))
    send_reset();
}

void stream::tell_of_reset() {
  if (state_ == state::open)
    tell(0, [](stream& far) { far.take_reset(ECONNRESET); });
}

void stream::send_reset() {
  tell_of_reset();
  be_over();
}

void stream::take_bytes(std::string_view bytes) {
  if (state_ != state::open)
    return;
  if (closed_)
    return send_reset();
  in_.append(bytes);
  touch();
}

void stream::take_end() {
  if (state_ != state::open || ended_in_)
    return;
  ended_in_ = true;
  if (closed_ && ended_out_)
    be_over();
  touch();
}

void stream::take_reset(int error) {
  if (state_ == state::over)
    return;
  error_ = ended_in_ ? EPIPE : error; // the end is what is known of who has gone
  be_over();
  touch();
}

void stream::meet(int error) {
  if (state_ != state::open || (error != EPIPE && error != ECONNRESET && error != ETIMEDOUT))
    return; // that is no word on the connection
  tell_of_reset();
  be_over();
  touch();
}

void stream::take_leave(bool with_unread) {
  if (state_ != state::open)
    return;
  ended_in_ = ended_out_ = true;
  if (with_unread)
    error_ = ECONNRESET;
  touch();
}

void stream::take_room(size_t size) {
  auto was_full = outstanding_ >= window;
  outstanding_ -= std::min(outstanding_, size);
  if (std::exchange(full_, false) || was_full)
    touch();
}

} // namespace proxy::simulation
