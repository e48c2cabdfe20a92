#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "actors/observe/decision_event.hpp"

namespace proxy {

/// One shard's share of what was refused.
struct blocked_page {
  std::vector<decision_event_ptr> entries; ///< Oldest first, at most the ring's size.
  uint64_t total = 0; ///< All that were ever refused, those dropped from the ring too.
};

/// The newest refusals of a core, for GET /blocked.
class blocked_ring {
public:
  static constexpr size_t max_size = 200;

  void add(decision_event_ptr event) {
    ++total_;
    if (newest_.size() == max_size)
      newest_.pop_front();
    newest_.push_back(std::move(event));
  }

  [[nodiscard]] blocked_page page() const { return {{newest_.begin(), newest_.end()}, total_}; }

private:
  std::deque<decision_event_ptr> newest_;
  uint64_t total_ = 0;
};

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::blocked_page)
