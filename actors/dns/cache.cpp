#include "actors/dns/cache.hpp"

namespace proxy {

const dns_result* dns_cache::find(const std::string& name, steady_time now) {
  auto known = index_.find(name);
  if (known == index_.end())
    return nullptr;
  auto at = known->second;
  if (at->expiry <= now) {
    drop(at);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, at);
  return &at->result;
}

void dns_cache::put(const std::string& name, dns_result result, steady_time expiry) {
  if (auto known = index_.find(name); known != index_.end())
    drop(known->second);
  if (capacity_ == 0)
    return;
  if (entries_.size() >= capacity_)
    drop(std::prev(entries_.end()));
  entries_.push_front({name, std::move(result), expiry});
  index_.emplace(entries_.front().name, entries_.begin());
}

void dns_cache::drop(entry_list::iterator at) {
  index_.erase(at->name);
  entries_.erase(at);
}

} // namespace proxy
