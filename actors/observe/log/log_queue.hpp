#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <span>

#include "actors/observe/decision_event.hpp"
#include "actors/observe/log/log_line.hpp"
#include "actors/observe/subscriber_queue.hpp"

namespace proxy {

/// What waits for the log's thread: the values of a line with their texts, an event that is shared
/// with others, or the question whether all before it is written. One block of memory.
class log_record {
public:
  struct deleter {
    void operator()(log_record* record) const noexcept;
  };
  using pointer = std::unique_ptr<log_record, deleter>;

  /// Copies the values and their texts.
  [[nodiscard]] static pointer of(const log_entry& entry);
  [[nodiscard]] static pointer of(decision_event_ptr event);
  [[nodiscard]] static pointer of(std::promise<bool> written);

  /// Appends its line.
  void append_to(std::string& out, log_layout layout) const;
  /// Who waits until all before it is written; nullptr for a line.
  [[nodiscard]] std::promise<bool>* waiter() noexcept { return waiter_ ? &*waiter_ : nullptr; }
  /// What it holds, about.
  [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }

private:
  friend class log_queue;
  log_record() = default;
  ~log_record() = default;
  [[nodiscard]] static pointer make(size_t bytes_behind);

  log_record* next_ = nullptr;
  uint64_t bytes_ = 0;
  log_entry entry_;
  decision_event_ptr event_;
  std::optional<std::promise<bool>> waiter_;
};

/// Records on their way from all threads to the one that writes them: a list that is pushed to and
/// taken whole, without locks. What one thread puts keeps its order.
class log_queue {
public:
  explicit log_queue(uint64_t max_bytes) : max_bytes_(max_bytes) {}
  log_queue(const log_queue&) = delete;
  ~log_queue();

  /// Never waits: a record that finds no room is dropped and counted. From any thread.
  void put(log_record::pointer record) noexcept;

  /// Gives back all that waits, oldest first; null when nothing does. By the writing thread, as are
  /// the next three.
  [[nodiscard]] log_record::pointer take_all() noexcept;
  /// The one behind; takes it off.
  [[nodiscard]] static log_record::pointer next(log_record& of) noexcept;
  /// A record that was taken is written, or lost.
  void done(const log_record& record) noexcept { load_.leave(record.bytes()); }
  /// Waits until something is put, or `wake` was called, which may have been before. May end for
  /// nothing; whoever waits looks then at all that it waits for.
  void wait() noexcept;

  /// Ends a `wait`. From any thread.
  void wake() noexcept;

  /// Bytes that wait, and lines that were lost.
  [[nodiscard]] subscriber_queue& load() noexcept { return load_; }

private:
  const uint64_t max_bytes_;
  subscriber_queue load_;
  std::atomic<log_record*> newest_{nullptr};
  std::atomic<uint32_t> woken_{0};
};

} // namespace proxy
