#include "actors/dns_engine.hpp"

#include <algorithm>

#include "protocols/host.hpp"

namespace proxy {

using std::chrono::milliseconds;

namespace {

/// Of memory, for each that waits for a look-up.
constexpr size_t waiter_cost = 256;

dns_answer to_answer(std::vector<ip_address> addresses, bool cached = false) {
  return {std::move(addresses), cached};
}

} // namespace

dns_engine::dns_engine(event_loop& loop, const config::proxy_config& config)
  : loop_(loop), hosts_(std::string{}), cache_(0) {
  configure(config);
}

dns_engine::~dns_engine() {
  channel_.reset();
  while (!lookups_.empty()) {
    auto name = lookups_.begin()->first;
    finish(name, caf::make_error(errc::cancelled, name + ": the resolver ended"));
  }
}

void dns_engine::configure(const config::proxy_config& config) {
  settings_ = config.dns;
  patience_ = config.timeouts.dns;
  hosts_ = hosts_file{settings_.hosts_file};
  cache_ = dns_cache{settings_.cache_size};
  system_servers_ = file_watch{settings_.servers.empty() ? "/etc/resolv.conf" : ""};
  // The channel reads the file right now: only what changes from here on is news.
  (void)system_servers_.changed(loop_.now());
  open_channel();
}

void dns_engine::open_channel() {
  channel_.reset(); // its questions end as cancelled, which on_records passes over
  channel_ = std::make_unique<dns_channel>(
    loop_, settings_, patience_,
    [this](const std::string& name, uint64_t question, caf::expected<dns_records> found) {
      on_records(name, question, std::move(found));
    });
  std::vector<std::pair<std::string, uint64_t>> open;
  for (const auto& [name, what] : lookups_)
    open.emplace_back(name, what->question);
  for (const auto& [name, question] : open)
    channel_->ask(name, question);
}

std::optional<caf::expected<dns_answer>> dns_engine::known(const std::string& name) {
  auto parsed = host::parse(name);
  if (!parsed)
    return caf::expected<dns_answer>{
      caf::make_error(errc::dns_error, name + ": " + context_of(parsed.error()))};
  if (parsed->ip())
    return to_answer({*parsed->ip()});
  if (parsed->is_localhost()) // never asked of a server (RFC 6761 §6.3)
    return to_answer({*ip_address::parse("127.0.0.1"), *ip_address::parse("::1")});
  if (auto* listed = hosts_.find(parsed->text(), loop_.now()))
    return to_answer(*listed);
  if (auto* result = cache_.find(parsed->text(), loop_.now())) {
    if (*result)
      return to_answer(**result, true);
    return caf::expected<dns_answer>{result->error()};
  }
  return std::nullopt;
}

void dns_engine::look_up(const std::string& name, promise waiting) {
  if (auto at = lookups_.find(name); at != lookups_.end()) {
    if (loop_.memory().is_full()) {
      waiting.deliver(caf::make_error(errc::overloaded, std::string{"too little memory"}));
      return;
    }
    auto& same = *at->second;
    same.waiting.push_back(std::move(waiting));
    same.held.set(same.waiting.size() * waiter_cost);
    return;
  }
  if (system_servers_.changed(loop_.now()))
    open_channel();
  if (std::max(channel_->active(), lookups_.size()) >= max_lookups) {
    waiting.deliver(caf::make_error(errc::dns_error, name + ": too many look-ups at once"));
    return;
  }
  auto started = std::make_unique<lookup>(*this, name, ++last_question_);
  started->waiting.push_back(std::move(waiting));
  loop_.arm(*started, loop_.now() + patience_);
  lookups_.emplace(name, std::move(started));
  channel_->ask(name, last_question_); // may finish it
}

void dns_engine::lookup::on_timer() {
  // c-ares cannot take one question back: a late answer still reaches the cache.
  auto late = name; // this object ends with the look-up
  engine.remember(late,
                  caf::make_error(errc::dns_timeout, late + ": no name server answered in time"),
                  timeout_ttl);
  engine.finish(late,
                caf::make_error(errc::dns_timeout, late + ": no name server answered in time"));
}

void dns_engine::on_records(const std::string& name, uint64_t question,
                            caf::expected<dns_records> found) {
  if (found && !found->addresses.empty()) {
    auto ttl = std::min<milliseconds>(found->ttl, settings_.max_ttl);
    dns_result result{std::move(found->addresses)};
    remember(name, result, ttl);
    finish(name, result); // also for a later question: true is true
    return;
  }
  auto at = lookups_.find(name);
  if (at == lookups_.end() || at->second->question != question)
    return; // nobody waits for it any more
  if (found) {
    dns_result none{
      caf::make_error(errc::dns_error, name + ": no such name, or it has no address")};
    remember(name, none, settings_.negative_ttl);
    finish(name, none);
  } else if (code_of(found.error()) != errc::cancelled) {
    if (code_of(found.error()) == errc::dns_timeout)
      remember(name, found.error(), timeout_ttl);
    finish(name, found.error());
  }
}

void dns_engine::remember(const std::string& name, const dns_result& result, milliseconds ttl) {
  if (!result)
    ttl = std::min(ttl, settings_.negative_ttl);
  // A TTL of zero is for the question that was asked and for no other (RFC 1035 §3.2.1).
  if (ttl > milliseconds{0})
    cache_.put(name, result, loop_.now() + ttl);
}

void dns_engine::finish(const std::string& name, const dns_result& result) {
  auto at = lookups_.find(name);
  if (at == lookups_.end())
    return;
  auto done = std::move(at->second);
  lookups_.erase(at);
  for (auto& waiting : done->waiting) {
    if (result)
      waiting.deliver(to_answer(*result));
    else
      waiting.deliver(result.error());
  }
}

} // namespace proxy
