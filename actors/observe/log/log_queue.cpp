#include "actors/observe/log/log_queue.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace proxy {

void log_record::deleter::operator()(log_record* record) const noexcept {
  record->~log_record();
  ::operator delete(record);
}

log_record::pointer log_record::make(size_t bytes_behind) {
  auto bytes = sizeof(log_record) + bytes_behind;
  pointer record{new (::operator new(bytes)) log_record};
  record->bytes_ = bytes;
  return record;
}

log_record::pointer log_record::of(const log_entry& entry) {
  static_assert(alignof(log_value) <= alignof(log_record));
  static_assert(std::is_trivially_destructible_v<log_value>);
  auto size = entry.values.size() * sizeof(log_value);
  auto texts = size;
  for (const auto& value : entry.values)
    texts += value.text.size();
  auto record = make(texts);
  record->entry_ = entry;
  auto* behind = reinterpret_cast<std::byte*>(record.get() + 1);
  auto* text = reinterpret_cast<char*>(behind + size);
  auto* values = reinterpret_cast<log_value*>(behind);
  for (size_t i = 0; i < entry.values.size(); ++i) {
    auto* copy = new (values + i) log_value{entry.values[i]};
    copy->text = {text, copy->text.copy(text, copy->text.size())};
    text += copy->text.size();
  }
  record->entry_.values = {values, entry.values.size()};
  return record;
}

log_record::pointer log_record::of(decision_event_ptr event) {
  auto record = make(0);
  record->bytes_ += sizeof(decision_event) + event->host.size() + event->rule.size() +
                    event->user.size() + event->words.size() +
                    (event->fault ? event->fault->cause.size() : 0);
  record->event_ = std::move(event);
  return record;
}

log_record::pointer log_record::of(std::promise<bool> written) {
  auto record = make(0);
  record->waiter_ = std::move(written);
  return record;
}

void log_record::append_to(std::string& out, log_layout layout) const {
  if (event_)
    append_log_line(out, layout, *event_);
  else
    append_log_line(out, layout, entry_);
}

log_queue::~log_queue() {
  for (auto record = take_all(); record;)
    record = next(*record);
}

void log_queue::put(log_record::pointer record) noexcept {
  // Whoever waits for what was written is not turned away: there are few of them.
  if (record->waiter())
    load_.waiting.fetch_add(record->bytes(), std::memory_order_relaxed);
  else if (!load_.enter(max_bytes_, record->bytes()))
    return;
  auto* node = record.release();
  auto* before = newest_.load();
  do
    node->next_ = before;
  while (!newest_.compare_exchange_weak(before, node));
  if (!before) // else the thread is awake, or is being woken
    wake();
}

log_record::pointer log_queue::take_all() noexcept {
  auto* newest = newest_.exchange(nullptr);
  log_record* oldest = nullptr;
  while (newest) {
    auto* before = std::exchange(newest->next_, oldest);
    oldest = std::exchange(newest, before);
  }
  return log_record::pointer{oldest};
}

log_record::pointer log_queue::next(log_record& of) noexcept {
  return log_record::pointer{std::exchange(of.next_, nullptr)};
}

void log_queue::wait() noexcept {
  woken_.wait(0);
  // After the wait and before whoever waited looks again: a wake from now on holds for the next
  // wait, and what one before this was about is seen by that look.
  woken_.store(0);
}

void log_queue::wake() noexcept {
  woken_.store(1);
  woken_.notify_one();
}

} // namespace proxy
