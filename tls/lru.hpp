#pragma once

#include <cassert>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace proxy::tls {

/// Values by name, the least recently used one forgotten when there are too many. Not for several
/// threads.
template <class T>
class lru {
public:
  explicit lru(size_t capacity) : capacity_(capacity) { assert(capacity > 0); }
  lru(const lru&) = delete; // the index points into the entries
  lru& operator=(const lru&) = delete;

  /// The value, now the most recently used one; nullptr when there is none.
  [[nodiscard]] T* find(std::string_view name) {
    auto at = index_.find(name);
    if (at == index_.end())
      return nullptr;
    entries_.splice(entries_.begin(), entries_, at->second);
    return &at->second->second;
  }

  /// The value of this name, made if there is none.
  T& operator[](std::string_view name) {
    if (auto* found = find(name))
      return *found;
    if (entries_.size() == capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(std::string{name}, T{});
    index_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  void erase(std::string_view name) {
    if (auto at = index_.find(name); at != index_.end()) {
      auto gone = at->second;
      index_.erase(at); // before the name it points to
      entries_.erase(gone);
    }
  }

  void clear() noexcept {
    index_.clear();
    entries_.clear();
  }

  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }

private:
  using entry = std::pair<const std::string, T>;

  size_t capacity_;
  std::list<entry> entries_; ///< Most recently used first.
  std::unordered_map<std::string_view, typename std::list<entry>::iterator> index_;
};

} // namespace proxy::tls
