#pragma once

#include <algorithm>
#include <atomic>
#include <caf/resumable.hpp>
#include <utility>
#include <vector>

namespace proxy {

/// A lock-free list that many threads push to and one takes whole.
class inbox {
public:
  inbox() = default;
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;
  ~inbox() {
    for (auto* n = head_.load(); n;)
      delete std::exchange(n, n->next);
  }

  /// From any thread. @returns true when the list was empty: the reader must be woken.
  [[nodiscard]] bool push(caf::resumable* what) {
    auto* n = new node{what, nullptr};
    auto* before = head_.load(std::memory_order_relaxed);
    do // Once linked, the node belongs to the reader: nothing of it is read after the exchange.
      n->next = before;
    while (!head_.compare_exchange_weak(before, n, std::memory_order_release,
                                        std::memory_order_relaxed));
    return before == nullptr;
  }

  /// By the one reader: appends everything pushed so far, oldest first.
  void take(std::vector<caf::resumable*>& out) {
    if (!head_.load(std::memory_order_relaxed))
      return;
    auto first = static_cast<std::ptrdiff_t>(out.size());
    for (auto* n = head_.exchange(nullptr, std::memory_order_acquire); n;) {
      out.push_back(n->what);
      delete std::exchange(n, n->next);
    }
    std::reverse(out.begin() + first, out.end());
  }

private:
  struct node {
    caf::resumable* what;
    node* next;
  };
  std::atomic<node*> head_ = nullptr;
};

} // namespace proxy
