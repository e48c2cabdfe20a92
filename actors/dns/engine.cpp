#include "actors/dns/engine.hpp"

#include <algorithm>

#include "config/text.hpp"
#include "protocols/host.hpp"

namespace proxy {

using std::chrono::milliseconds;

namespace {

/// A name without the dot by which `question_for` keeps search domains away.
std::string_view as_written(std::string_view name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

/// Whether what became of a name leaves the next search domain to be tried.
bool leaves_the_next(dns_outcome what) {
  return what == dns_outcome::no_name || what == dns_outcome::no_address ||
         what == dns_outcome::server_failed;
}

/// Of memory, for each that waits for a look-up.
constexpr size_t waiter_cost = 256;

} // namespace

dns_engine::dns_engine(event_loop& loop, const config::proxy_config& config, log_ptr log)
  : loop_(loop), log_(std::move(log)), hosts_(std::string{}), cache_(0) {
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
  hosts_ = hosts_file{settings_.hosts_file, log_};
  cache_ = dns_cache{settings_.cache_size};
  auto follows = settings_.servers.empty() || settings_.search;
  resolv_conf_ = file_watch{follows ? settings_.resolv_conf : ""};
  // It is read right now: only what changes from here on is news.
  (void)resolv_conf_.changed(loop_.now());
  search_ = system_search_domains(settings_);
  open_channel();
}

void dns_engine::follow_system() {
  if (!resolv_conf_.changed(loop_.now()))
    return;
  if (auto now = system_search_domains(settings_); now != search_) {
    search_ = std::move(now);
    cache_ = dns_cache{settings_.cache_size}; // names may stand for others from here on
  }
  if (settings_.servers.empty())
    open_channel();
}

void dns_engine::open_channel() {
  channel_.reset(); // its questions end as cancelled, which on_records passes over
  channel_ = std::make_unique<dns_channel>(
    loop_, settings_, patience_,
    [this](const std::string& name, uint64_t question, const std::string& as, dns_records found) {
      on_records(name, question, as, std::move(found));
    });
  struct repeated_question {
    std::string name, as;
    uint64_t question;
  };
  std::vector<repeated_question> open;
  for (const auto& [name, what] : lookups_)
    open.push_back({name, what->current(), what->question});
  for (const auto& [name, as, question] : open)
    channel_->ask(name, question, as);
}

std::optional<caf::expected<dns_answer>> dns_engine::known(const std::string& name) {
  follow_system();
  auto parsed = host::parse(name);
  if (!parsed)
    return caf::expected<dns_answer>{
      caf::make_error(errc::dns_error, name + ": " + context_of(parsed.error()))};
  if (parsed->ip())
    return dns_answer{{*parsed->ip()}};
  if (parsed->is_localhost()) // never asked of a server (RFC 6761 §6.3)
    return dns_answer{policy::known_addresses(*parsed)};
  if (auto* listed = hosts_.find(parsed->text(), loop_.now()))
    return dns_answer{*listed};
  if (auto* result = cache_.find(question_for(*parsed), loop_.now())) {
    auto answer = *result;
    if (answer)
      answer->cached = true;
    return answer;
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
  if (std::max(channel_->active(), lookups_.size()) >= max_lookups) {
    waiting.deliver(caf::make_error(errc::dns_error, name + ": too many look-ups at once"));
    return;
  }
  auto started = std::make_unique<lookup>(*this, name, ++last_question_);
  started->waiting.push_back(std::move(waiting));
  if (name.ends_with('.'))
    started->candidates = {name.substr(0, name.size() - 1)};
  else
    started->candidates = names_to_try(search_, name);
  loop_.arm(*started, loop_.now() + patience_);
  auto first = started->current(); // asking may finish it
  lookups_.emplace(name, std::move(started));
  channel_->ask(name, last_question_, first);
}

void dns_engine::lookup::on_timer() {
  // c-ares cannot take one question back: a late answer still reaches the cache.
  auto late = engine.timeout_of(name);
  auto of = name; // this object ends with the look-up
  engine.remember(of, late, timeout_ttl);
  engine.finish(of, late);
}

void dns_engine::on_records(const std::string& name, uint64_t question, const std::string& as,
                            dns_records found) {
  auto at = lookups_.find(name);
  auto current = at != lookups_.end() && at->second->question == question;
  // Under search domains only the current answer is in its turn.
  auto late = !current && name.find('.') != std::string::npos;
  if (found.outcome == dns_outcome::found && (current || late)) {
    auto ttl = std::min<milliseconds>(found.ttl, settings_.max_ttl);
    dns_answer answer{std::move(found.addresses)};
    if (as != as_written(name))
      answer.found_as = *host::parse(as);
    dns_result result{std::move(answer)};
    remember(name, result, ttl);
    finish(name, result); // also for a later question: true is true
    return;
  }
  // Without a channel, that one is ending: a half that has failed hides that the other was
  // cancelled.
  if (!current || !channel_ || found.outcome == dns_outcome::cancelled)
    return; // nobody waits for it any more, or it is asked anew
  if (try_next(*at->second, found))
    return;
  auto& what = *at->second;
  auto why = failure_of(what, found);
  if (!what.uncertain)
    remember(name, why, settings_.negative_ttl);
  else if (code_of(why) == errc::dns_timeout)
    remember(name, why, timeout_ttl);
  finish(name, why);
}

// As glibc does: a name that does not exist, or has no address, or a server that fails over one,
// leaves the next domain to be tried; any other trouble leaves only the name as it was written.
bool dns_engine::try_next(lookup& what, const dns_records& failed) {
  auto at_name = what.current() == as_written(what.name);
  auto last = what.candidates.size() - 1;
  auto next = what.at + 1;
  what.has_name |= failed.outcome == dns_outcome::no_address;
  what.has_failed |= failed.outcome == dns_outcome::server_failed;
  what.uncertain |=
    failed.outcome != dns_outcome::no_name && failed.outcome != dns_outcome::no_address;
  if (what.at == last || failed.outcome == dns_outcome::no_server)
    return false;
  if (what.at == 0 && at_name) {
    what.at_first = describe(what.name, failed);
  } else if (!leaves_the_next(failed.outcome)) {
    if (what.candidates.back() != as_written(what.name))
      return false;
    next = last;
  }
  what.at = next;
  what.question = ++last_question_;
  auto as = what.current(); // asking may finish the look-up
  channel_->ask(std::string{what.name}, last_question_, as);
  return true;
}

caf::error dns_engine::failure_of(const lookup& what, const dns_records& last) const {
  auto failed = last;
  if (leaves_the_next(last.outcome))
    failed.outcome = what.has_name     ? dns_outcome::no_address
                     : what.has_failed ? dns_outcome::server_failed
                                       : dns_outcome::no_name;
  auto why = what.at_first ? *what.at_first : describe(what.name, failed);
  if (what.candidates.size() == 1)
    return why;
  std::string tried;
  for (const auto& name : what.candidates)
    tried += (tried.empty() ? "" : ", ") + name;
  return caf::make_error(code_of(why), context_of(why) + "; looked for " + tried);
}

caf::error dns_engine::describe(const std::string& name, const dns_records& failed) const {
  auto shown = std::string{as_written(name)};
  auto error = [&](std::string_view words) {
    return caf::make_error(errc::dns_error, shown + ": " + std::string{words});
  };
  switch (failed.outcome) {
    case dns_outcome::no_name: return error("no such name (NXDOMAIN)");
    case dns_outcome::no_address: return error("the name has no address (NODATA)");
    case dns_outcome::server_failed: return error("the name server failed (SERVFAIL)");
    case dns_outcome::refused: return error("the name server refused to answer (REFUSED)");
    case dns_outcome::no_server: return error("no name server can be reached: " + servers());
    case dns_outcome::timeout: return timeout_of(shown);
    default: return error(failed.detail);
  }
}

caf::error dns_engine::timeout_of(const std::string& name) const {
  return caf::make_error(errc::dns_timeout, std::string{as_written(name)} +
                                              ": no name server answered in time (timeouts.dns = " +
                                              config::duration_text(patience_) + ")");
}

std::string dns_engine::servers() const {
  if (settings_.servers.empty())
    return "those of " + settings_.resolv_conf;
  std::string out;
  for (const auto& server : settings_.servers)
    out += (out.empty() ? "" : ", ") + server;
  return out;
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
      waiting.deliver(*result);
    else
      waiting.deliver(result.error());
  }
}

} // namespace proxy
