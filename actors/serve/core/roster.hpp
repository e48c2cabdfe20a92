#pragma once

#include <cstddef>
#include <vector>

namespace proxy {

/// The actors of one kind that live on a core, in no order. Each knows its place, so that leaving
/// costs the same however many there are.
template <class T>
class roster {
public:
  void add(T& one) {
    one.place_ = all_.size();
    all_.push_back(&one);
  }
  void remove(T& one) noexcept {
    auto* last = all_.back();
    all_[one.place_] = last;
    last->place_ = one.place_;
    all_.pop_back();
  }

  [[nodiscard]] size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

private:
  std::vector<T*> all_;
};

} // namespace proxy
