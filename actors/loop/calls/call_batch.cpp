#include "actors/loop/calls/call_batch.hpp"

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "actors/loop/calls/lingering.hpp"
#include "actors/loop/event_loop.hpp"

namespace proxy {

void call_batch::use(std::unique_ptr<call_executor> how, size_t from_events) {
  run();
  how_ = std::move(how);
  from_events_ = from_events;
  gathers_ = gathers_ && how_;
  if (!how_ || slot_bytes_)
    return;
  slot_bytes_ = pages{new (page_memory::border) char[slots * slot_size]};
  write_bytes_ = pages{new (page_memory::border) char[write_room]};
  calls_.reserve(most_calls);
  notes_.reserve(most_calls);
}

void call_batch::give_up() noexcept {
  auto error = how_->gave_up();
  how_.reset();
  try {
    if (given_up_)
      given_up_(error);
  } catch (const std::exception&) { // no memory to tell it: it may be why
  }
}

void call_batch::begin_turn(std::span<const io_event> events) noexcept {
  gathers_ = false;
  if (!how_)
    return;
  auto weight = events.size();
  for (size_t i = 0; i < events.size() && weight < from_events_; ++i)
    weight += events[i].source->weight() - 1;
  gathers_ = weight >= from_events_;
}

size_t call_batch::add(const socket_call& call, io_source* owner) noexcept {
  if (calls_.size() == most_calls)
    run();
  calls_.push_back(call);
  notes_.push_back({owner});
  return calls_.size();
}

uint8_t call_batch::read(io_source& who) noexcept {
  if (used_slots_ == slots)
    return 0;
  auto* into = slot_bytes_.get() + used_slots_ * slot_size;
  slots_[used_slots_++] = {&who};
  auto number = static_cast<uint8_t>(used_slots_);
  add({socket_call::kind::read, who.fd, into, slot_size}, nullptr);
  return number;
}

bool call_batch::accept(io_source& listener, size_t count) noexcept {
  auto before = accepts_;
  for (; count > 0 && accepts_ < most_accepted; --count) {
    auto& into = accepted_[accepts_];
    into = {&listener, -1, {}};
    socket_call call{socket_call::kind::accept, listener.fd};
    call.place = accepts_++;
    call.peer = &into.peer;
    add(call, nullptr);
  }
  return accepts_ > before;
}

const call_batch::accepted* call_batch::next_accepted(const io_source& listener) noexcept {
  for (size_t i = 0; i < accepts_; ++i)
    if (accepted_[i].owner == &listener) {
      accepted_[i].owner = nullptr;
      return &accepted_[i];
    }
  return nullptr;
}

/// Of whoever was accepted for a listener that has gone away.
void call_batch::close_rest() noexcept {
  for (size_t i = 0; i < accepts_; ++i)
    if (accepted_[i].owner && accepted_[i].fd >= 0)
      loop_.network().close(accepted_[i].fd);
  accepts_ = 0;
}

uint16_t call_batch::watch(io_source& who, poller& by) noexcept {
  socket_call call{socket_call::kind::watch, who.fd};
  call.source = &who;
  call.by = &by;
  return static_cast<uint16_t>(add(call, &who));
}

void call_batch::end_slice() noexcept {
  for (size_t i = 0; i < used_slots_; ++i)
    if (auto* who = std::exchange(slots_[i].owner, nullptr))
      who->keep_read(*this);
  used_slots_ = 0;
  close_rest();
}

uint16_t call_batch::write(io_source& who, std::span<const iovec> parts, size_t size) noexcept {
  if (write_room - written_ < size || calls_.size() == most_calls)
    run();
  auto number = static_cast<uint16_t>(
    add({socket_call::kind::write, who.fd, write_bytes_.get() + written_}, &who));
  (void)append(number, parts, size);
  return number;
}

bool call_batch::append(uint16_t number, std::span<const iovec> parts, size_t size) noexcept {
  auto& call = calls_[number - 1U];
  if (call.bytes + call.size != write_bytes_.get() + written_ || call.size + size > max_write ||
      write_room - written_ < size)
    return false;
  for (const auto& part : parts) {
    std::memcpy(write_bytes_.get() + written_, part.iov_base, part.iov_len);
    written_ += part.iov_len;
  }
  call.size += size;
  return true;
}

void call_batch::close(int fd) noexcept { add({socket_call::kind::close, fd}, nullptr); }

void call_batch::run() noexcept {
  if (calls_.empty())
    return;
  how_->run(calls_);
  for (size_t i = 0; i < calls_.size(); ++i)
    ended(calls_[i], notes_[i]);
  calls_.clear();
  notes_.clear();
  written_ = 0;
  for (auto fd : std::exchange(to_close_, {}))
    close(fd);
}

void call_batch::ended(const socket_call& call, const note& of) noexcept {
  switch (call.what) {
    case socket_call::kind::read:
      slots_[static_cast<size_t>(call.bytes - slot_bytes_.get()) / slot_size].result = call.result;
      break;
    case socket_call::kind::write: write_ended(call, of); break;
    case socket_call::kind::accept: accepted_[call.place].fd = static_cast<int>(call.result); break;
    case socket_call::kind::watch:
      of.owner->watch_ended(call.result < 0 ? static_cast<int>(-call.result) : 0);
      break;
    default: break;
  }
}

void call_batch::write_ended(const socket_call& call, const note& of) noexcept {
  std::string_view rest{call.bytes, call.size};
  if (call.result > 0)
    rest.remove_prefix(static_cast<size_t>(call.result));
  auto error = call.result < 0 && call.result != -EAGAIN ? static_cast<int>(-call.result) : 0;
  if (of.shuts_down && rest.empty())
    loop_.network().shutdown_write(call.fd);
  if (of.owner)
    of.owner->write_ended({rest, error, of.shuts_down && !rest.empty()});
  else if (rest.empty() || (error != 0 && error != EINTR))
    to_close_.push_back(call.fd);
  else
    let_linger(loop_, call.fd, rest); // closing sends the end of stream as well
}

} // namespace proxy
