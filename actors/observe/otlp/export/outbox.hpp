#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "actors/loop/system/clock.hpp"

namespace proxy {

/// How items of a signal are put together.
struct batch_limits {
  uint64_t items = 2'048;                 ///< In one request, at most; not 0.
  std::chrono::milliseconds delay{1'000}; ///< Longest wait of an item for others.
  uint64_t bytes = 4 * 1024 * 1024; ///< Held by the items of one request; one item may be more.
};

/// Items of one signal that wait to be sent, and those that are being sent: the batch. Knows no
/// clock. What may wait is bounded by whoever adds (`outlet`).
template <class Item>
class outbox {
public:
  explicit outbox(batch_limits limits) : limits_(limits), most_(limits.items) {}

  void apply(batch_limits limits) noexcept {
    limits_ = limits;
    most_ = limits.items;
  }

  void add(Item one, uint64_t bytes, steady_time now) {
    waiting_.push_back({std::move(one), bytes, now});
    waiting_bytes_ += bytes;
  }

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty() && batch_.empty(); }
  [[nodiscard]] size_t size() const noexcept { return waiting_.size() + batch_.size(); }
  /// How many more make a batch full; 0 where one is.
  [[nodiscard]] uint64_t missing() const noexcept {
    return is_full() || waiting_.size() >= most_ ? 0 : most_ - waiting_.size();
  }

  /// When the next batch is to be sent: at once (the past) when it is full; nullopt while nothing
  /// waits. Only between batches.
  [[nodiscard]] std::optional<steady_time> due() const noexcept {
    if (!batch_.empty())
      return steady_time::min(); // the second half of one that was too large
    if (waiting_.empty())
      return std::nullopt;
    return is_full() ? steady_time::min() : waiting_.front().since + limits_.delay;
  }

  /// Takes the next batch out of those that wait.
  /// @returns its items, which stay until `done`; what waits longest comes first.
  [[nodiscard]] std::span<const Item> begin() {
    while (!waiting_.empty() && batch_.size() < most_) {
      auto& next = waiting_.front();
      if (!batch_.empty() && batch_bytes_ + next.bytes > limits_.bytes)
        break;
      batch_bytes_ += next.bytes;
      waiting_bytes_ -= next.bytes;
      sizes_.push_back(next.bytes);
      batch_.push_back(std::move(next.what));
      waiting_.pop_front();
    }
    sent_ = std::min<size_t>(batch_.size(), most_);
    return batch();
  }
  /// What is being sent.
  [[nodiscard]] std::span<const Item> batch() const noexcept { return {batch_.data(), sent_}; }

  /// It was too much for the collector: half of it goes first, and no later batch is larger until
  /// one of that size was taken (`taken`).
  std::span<const Item> halve() noexcept {
    sent_ = std::max<size_t>(sent_ / 2, 1);
    most_ = sent_;
    return batch();
  }

  /// The collector took what was being sent, before it is `done`. One that was as large as it may
  /// be says that the next may be twice as large: items may be smaller now, or the collector's
  /// limit higher.
  void taken() noexcept {
    if (sent_ == most_ && sent_ == batch_.size())
      most_ = std::min(limits_.items, most_ * 2);
  }

  /// What was being sent is sent, or lost. @returns the bytes that it held, for each item.
  std::vector<uint64_t> done() {
    auto end = static_cast<std::ptrdiff_t>(sent_);
    std::vector<uint64_t> left(sizes_.begin(), sizes_.begin() + end);
    sizes_.erase(sizes_.begin(), sizes_.begin() + end);
    batch_.erase(batch_.begin(), batch_.begin() + end);
    for (auto bytes : left)
      batch_bytes_ -= bytes;
    sent_ = 0;
    return left;
  }

private:
  struct entry {
    Item what;
    uint64_t bytes;
    steady_time since;
  };

  [[nodiscard]] bool is_full() const noexcept {
    return waiting_.size() >= most_ || waiting_bytes_ >= limits_.bytes;
  }

  batch_limits limits_;
  uint64_t most_; ///< Items in one request, fewer since the collector found one too large.
  std::deque<entry> waiting_;
  uint64_t waiting_bytes_ = 0;
  std::vector<Item> batch_;
  std::vector<uint64_t> sizes_; ///< Bytes of those in the batch.
  uint64_t batch_bytes_ = 0;
  size_t sent_ = 0; ///< Of the batch: the first half of one that was too large, else all.
};

} // namespace proxy
