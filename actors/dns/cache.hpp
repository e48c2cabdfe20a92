#pragma once

#include <caf/expected.hpp>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/loop/timer_wheel.hpp"
#include "actors/messages.hpp"

namespace proxy {

/// What became of a look-up: an answer, or errc::dns_error, errc::dns_timeout, errc::cancelled.
using dns_result = caf::expected<dns_answer>;

/// Results of look-ups, failures too, each until its own moment. Bounded: the one not used for
/// longest goes first.
class dns_cache {
public:
  /// @param capacity Names; 0 turns the cache off.
  explicit dns_cache(size_t capacity) : capacity_(capacity) {}

  /// @returns nullptr when the name is not known or its time has passed; valid until the next call.
  [[nodiscard]] const dns_result* find(const std::string& name, steady_time now);

  /// Keeps a result until `expiry`, in place of what was known of the name.
  void put(const std::string& name, dns_result result, steady_time expiry);

  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }

private:
  struct entry {
    std::string name;
    dns_result result;
    steady_time expiry;
  };
  using entry_list = std::list<entry>;

  void drop(entry_list::iterator at);

  size_t capacity_;
  entry_list entries_;                                               ///< Last used first.
  std::unordered_map<std::string_view, entry_list::iterator> index_; ///< Keys lie in `entries_`.
};

} // namespace proxy
