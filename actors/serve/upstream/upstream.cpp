#include "actors/serve/upstream/upstream.hpp"

#include <algorithm>

#include "actors/net/http2_link.hpp"
#include "actors/net/http2_stream.hpp"

namespace proxy {

namespace {

/// Upstreams whose protocol is remembered.
constexpr size_t max_noted = 1024;

} // namespace

void upstream::fire() {
  // Room to write more is no news while idle.
  if (pool_ && (io.dead() || io.has_unread()))
    (void)pool_->remove(*this); // destroys this
}

void upstream_pool::begin_generation(uint64_t generation, const config::limits& limits,
                                     const config::timeouts& timeouts) {
  clear();
  generation_ = generation;
  max_ = limits.max_idle_upstreams;
  max_per_key_ = limits.max_idle_upstreams_per_origin;
  idle_time_ = timeouts.upstream_idle;
}

std::unique_ptr<upstream> upstream_pool::take(const fresh_pass& fresh, const upstream_key& key,
                                              ready_handler& wakes) {
  auto at = by_key_.find(key);
  if (at == by_key_.end() || fresh.snapshot().generation != generation_)
    return nullptr;
  auto taken = remove(*at->second.back());
  taken->io.belong_to(&wakes);
  taken->reused = true;
  return taken;
}

void upstream_pool::keep(std::unique_ptr<upstream> idle) {
  if (idle->io.stream())
    return; // its link is kept
  // Readable now means closed, or an answer to nothing: neither may reach the next request.
  if (max_ == 0 || idle->generation != generation_ || idle->logged_in || !idle->io.is_open() ||
      idle->io.has_unread())
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
  u.io.belong_to(&u);
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

bool upstream_pool::has(const upstream_key& key) const {
  return by_key_.count(key) != 0 || std::ranges::any_of(shared_, [&](const auto& link) {
           return link->carrier().key == key && link->session().may_open();
         });
}

std::unique_ptr<upstream> open_stream(const fresh_pass& fresh,
                                      const std::shared_ptr<http2_link>& link,
                                      ready_handler& wakes) {
  auto vetted = link->carrier().generation == fresh.snapshot().generation;
  auto* opened = vetted ? link->session().open() : nullptr;
  if (!opened)
    return nullptr;
  auto made = std::make_unique<upstream>();
  made->key = link->carrier().key;
  made->address = link->carrier().address;
  made->found_as = link->carrier().found_as;
  made->generation = link->carrier().generation;
  made->io.use(std::make_unique<http2_stream>(link, *opened, &wakes));
  return made;
}

std::unique_ptr<upstream>
upstream_pool::take_stream(const fresh_pass& fresh, const upstream_key& key, ready_handler& wakes) {
  for (const auto& link : shared_)
    if (link->carrier().key == key)
      if (auto opened = open_stream(fresh, link, wakes)) {
        opened->reused = true;
        return opened;
      }
  return nullptr;
}

void upstream_pool::share(std::shared_ptr<http2_link> link) {
  if (link->carrier().generation != generation_)
    return;
  if (shared_.size() >= max_)
    sweep(loop_.now());
  if (shared_.size() >= max_)
    return;
  shared_.push_back(std::move(link));
  if (!linked())
    loop_.arm(*this, loop_.now() + idle_time_);
}

void upstream_pool::note(const upstream_key& key, origin_protocol speaks) {
  if (speaks_.size() >= max_noted)
    speaks_.clear(); // found out again
  speaks_[key] = speaks;
}

origin_protocol upstream_pool::speaks(const upstream_key& key) const {
  auto at = speaks_.find(key);
  return at == speaks_.end() ? origin_protocol::unknown : at->second;
}

std::shared_ptr<shared_dial> upstream_pool::dial_under_way(const upstream_key& key) const {
  auto at = dials_.find(key);
  return at == dials_.end() ? nullptr : at->second;
}

dialling::dialling(upstream_pool& pool, upstream_key key) : pool_(pool), key_(std::move(key)) {
  auto [at, is_first] = pool_.dials_.try_emplace(key_);
  if (is_first)
    at->second = mine_ = std::make_shared<shared_dial>(pool_.loop_);
}

dialling::~dialling() {
  if (!mine_)
    return;
  pool_.dials_.erase(key_);
  mine_->end();
}

void upstream_pool::clear() {
  by_key_.clear();
  idle_.clear();
  shared_.clear();
  speaks_.clear();
  for (auto* one : logins_)
    one->idle_.clear();
}

login_connections::login_connections(upstream_pool& beside) : pool_(beside) {
  pool_.logins_.push_back(this);
}

login_connections::~login_connections() { std::erase(pool_.logins_, this); }

void login_connections::entry::fire() {
  if (connection->io.dead() || connection->io.has_unread())
    std::erase_if(among->idle_, [this](const auto& e) { return e.get() == this; }); // destroys this
}

std::unique_ptr<upstream> login_connections::take(const fresh_pass& fresh, const upstream_key& key,
                                                  std::string_view user, ready_handler& wakes) {
  if (fresh.snapshot().generation != pool_.generation_)
    return nullptr;
  auto at = std::ranges::find_if(
    idle_, [&](const auto& e) { return e->user == user && e->connection->key == key; });
  if (at == idle_.end())
    return nullptr;
  auto taken = std::move((*at)->connection);
  idle_.erase(at);
  taken->io.belong_to(&wakes);
  taken->reused = true;
  return taken;
}

void login_connections::keep(std::unique_ptr<upstream> idle, std::string user) {
  if (idle->generation != pool_.generation_ || !idle->io.is_open() || idle->io.has_unread())
    return;
  if (idle_.size() >= max_kept)
    idle_.erase(idle_.begin());
  if (pool_.logins_kept() >= pool_.max_)
    return;
  auto made = std::make_unique<entry>();
  made->among = this;
  made->since = pool_.loop_.now();
  made->user = std::move(user);
  idle->io.belong_to(made.get());
  made->connection = std::move(idle);
  idle_.push_back(std::move(made));
  if (!pool_.linked())
    pool_.loop_.arm(pool_, pool_.loop_.now() + pool_.idle_time_);
}

void login_connections::sweep(steady_time before) {
  std::erase_if(idle_, [&](const auto& e) { return e->since <= before; });
}

size_t upstream_pool::logins_kept() const noexcept {
  size_t sum = 0;
  for (const auto* one : logins_)
    sum += one->size();
  return sum;
}

void upstream_pool::sweep(steady_time before) {
  std::erase_if(shared_, [&](const auto& link) {
    auto quiet = link->quiet_since();
    return link->is_over() || (quiet && *quiet <= before);
  });
}

void upstream_pool::on_timer() {
  while (!idle_.empty() && idle_.front()->idle_until_ <= loop_.now())
    (void)remove(*idle_.front());
  sweep(loop_.now() - idle_time_);
  for (auto* one : logins_)
    one->sweep(loop_.now() - idle_time_);
  if (!idle_.empty())
    loop_.arm(*this, idle_.front()->idle_until_);
  else if (!shared_.empty() || logins_kept() > 0)
    loop_.arm(*this, loop_.now() + idle_time_ / 2);
}

} // namespace proxy
