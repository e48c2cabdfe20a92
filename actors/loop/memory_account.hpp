#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace proxy {

/// What the buffers that peers can fill hold together, over all loops, and how much they may.
struct memory_budget {
  std::atomic<int64_t> held{0};
  std::atomic<int64_t> limit{std::numeric_limits<int64_t>::max()};
};

/// One loop's part of it: plain numbers, told to the others a step at a time.
class memory_account {
public:
  memory_account() = default;
  memory_account(const memory_account&) = delete;

  void belong_to(memory_budget& shared) noexcept { shared_ = &shared; }
  /// The budget is about to go.
  void leave() noexcept {
    publish();
    shared_ = nullptr;
  }

  void change(int64_t by) noexcept {
    unpublished_ += by;
    if (unpublished_ >= step || unpublished_ <= -step)
      publish();
  }

  /// No new work is taken: what there is may go on.
  [[nodiscard]] bool is_full() const noexcept {
    return shared_ && shared_->held.load(std::memory_order_relaxed) + unpublished_ >=
                        shared_->limit.load(std::memory_order_relaxed);
  }

  /// How far the others' view of this loop may be off.
  static constexpr int64_t step = 64 * 1024;

private:
  void publish() noexcept {
    if (shared_)
      shared_->held.fetch_add(unpublished_, std::memory_order_relaxed);
    unpublished_ = 0;
  }

  memory_budget* shared_ = nullptr;
  int64_t unpublished_ = 0;
};

/// What one holder of buffers has on the account, for as long as it lives.
class held_bytes {
public:
  explicit held_bytes(memory_account& on) noexcept : on_(on) {}
  held_bytes(const held_bytes&) = delete;
  ~held_bytes() { set(0); }

  void set(size_t now) noexcept {
    if (now == size_)
      return;
    on_.change(static_cast<int64_t>(now) - static_cast<int64_t>(size_));
    if (also_)
      *also_ += now - size_; // unsigned: what wraps here wraps back
    size_ = now;
  }
  /// Counts in a second place from now on, which has to live until this is `set` to 0.
  void count_in(size_t& also) noexcept { also_ = &also; }

private:
  memory_account& on_;
  size_t* also_ = nullptr;
  size_t size_ = 0;
};

} // namespace proxy
