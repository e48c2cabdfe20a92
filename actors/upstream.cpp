#include "actors/upstream.hpp"

#include <algorithm>

namespace proxy {

void upstream::fire() {
  // Room to write more is no news while idle.
  if (pool_ && (io.raw.dead() || io.has_unread()))
    (void)pool_->remove(*this); // destroys this
}

void upstream_pool::configure(const config::limits& limits, const config::timeouts& timeouts) {
  max_ = limits.max_idle_upstreams;
  max_per_key_ = limits.max_idle_upstreams_per_origin;
  idle_time_ = timeouts.upstream_idle;
}

std::unique_ptr<upstream> upstream_pool::take(const upstream_key& key, ready_handler& wakes) {
  auto at = by_key_.find(key);
  if (at == by_key_.end())
    return nullptr;
  auto taken = remove(*at->second.back());
  taken->io.raw.belong_to(&wakes);
  taken->reused = true;
  return taken;
}

void upstream_pool::keep(std::unique_ptr<upstream> idle) {
  // Readable now means closed, or an answer to nothing: neither may reach the next request.
  if (max_ == 0 || !idle->io.raw.is_open() || idle->io.has_unread())
    return;
  auto& same = by_key_[idle->key];
  if (same.size() >= max_per_key_) {
    if (same.empty())
      by_key_.erase(idle->key);
    return;
  }
  if (idle_.size() >= max_)
    (void)remove(*idle_.front());
  auto& u = *idle;
  u.pool_ = this;
  u.idle_until_ = loop_.now() + idle_time_;
  u.io.raw.belong_to(&u);
  by_key_[u.key].push_back(&u); // looked up again: the removal above may have dropped the entry
  u.place_ = idle_.insert(idle_.end(), std::move(idle));
  if (!linked())
    loop_.arm(*this, u.idle_until_);
}

std::unique_ptr<upstream> upstream_pool::remove(upstream& u) {
  auto at = by_key_.find(u.key);
  std::erase(at->second, &u);
  if (at->second.empty())
    by_key_.erase(at);
  auto taken = std::move(*u.place_);
  idle_.erase(u.place_);
  taken->pool_ = nullptr;
  return taken;
}

void upstream_pool::clear() {
  by_key_.clear();
  idle_.clear();
}

void upstream_pool::on_timer() {
  while (!idle_.empty() && idle_.front()->idle_until_ <= loop_.now())
    (void)remove(*idle_.front());
  if (!idle_.empty())
    loop_.arm(*this, idle_.front()->idle_until_);
}

} // namespace proxy
