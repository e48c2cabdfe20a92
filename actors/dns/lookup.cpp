#include "actors/dns/lookup.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <thread>

#include "actors/dns/resolver.hpp"
#include "actors/dns/search_domains.hpp"
#include "protocols/host.hpp"

namespace proxy {

namespace {

struct system_config : caf::actor_system_config {
  system_config() { set("scheduler.max-threads", size_t{1}); }
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    auto end = std::min(text.find(separator, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

} // namespace

caf::expected<dns_answer> look_up(const config::proxy_config& config, const std::string& name) {
  system_config settings;
  caf::actor_system system{settings};
  event_loop loop{system};
  caf::expected<dns_answer> found{caf::make_error(errc::dns_timeout, name)};
  auto asked =
    spawn_pinned(loop, resolver, std::make_shared<const config::proxy_config>(config), log_ptr{});
  std::thread runner{[&] { loop.run(); }};
  {
    caf::scoped_actor self{system};
    // The resolver keeps the deadline; this one is for a resolver that died.
    self->request(asked, config.timeouts.dns + std::chrono::seconds{1}, atom::resolve_v, name)
      .receive([&](dns_answer& answer) { found = std::move(answer); },
               [&](caf::error& why) {
                 if (code_of(why) != errc::system) // not a failure of messaging
                   found = std::move(why);
               });
    // It holds descriptors of the loop: it ends there, before the loop does.
    self->send_exit(asked, caf::exit_reason::user_shutdown);
    self->wait_for(asked);
  }
  asked = nullptr;
  loop.stop();
  runner.join();
  return found;
}

caf::expected<canned_answers> canned_answers::parse(const std::vector<std::string>& entries) {
  canned_answers out;
  for (auto& entry : entries) {
    auto equals = std::min(entry.find('='), entry.size());
    auto name = host::parse(entry.substr(0, equals));
    std::vector<ip_address> addresses;
    for (auto& text : split(entry.substr(std::min(equals + 1, entry.size())), ',')) {
      auto ip = ip_address::parse(text);
      if (!ip || !name)
        return caf::make_error(errc::malformed, "\"" + entry + "\" is not name=ip[,ip...]");
      addresses.push_back(*ip);
    }
    out.answers_[name->text()] = std::move(addresses);
  }
  return out;
}

caf::expected<dns_answer> canned_answers::find(const std::string& name,
                                               const config::proxy_config& config) const {
  auto whole = name.ends_with('.');
  auto written = name.substr(0, name.size() - (whole ? 1 : 0));
  std::vector<std::string> candidates{written};
  if (!whole && answers_.find(written) == answers_.end()) // what is given goes before what may be
    candidates = names_to_try(system_search_domains(config.dns), written);
  for (const auto& candidate : candidates)
    if (auto at = answers_.find(candidate); at != answers_.end())
      return dns_answer{.addresses = at->second,
                        .found_as = candidate == written ? host{} : *host::parse(candidate)};
  return caf::make_error(errc::dns_error, written + " is not listed by --resolve");
}

} // namespace proxy
