#include "actors/control/policy/policy_sources.hpp"

#include <caf/send.hpp>

#include <utility>

#include "actors/control/policy/file_source.hpp"
#include "actors/control/threads.hpp"

namespace proxy {

policy_sources::policy_sources(caf::actor_system& system, config::sources from,
                               supervisor_actor watches, std::shared_ptr<departures> leaving)
  : system_(system), from_(std::move(from)), watches_(std::move(watches)),
    leaving_(std::move(leaving)) {}

policy_source_actor policy_sources::begin() {
  auto source = spawn_detached(system_, file_source, file_source_start{from_});
  departures::add(leaving_, "policy_source", source);
  caf::anon_send(watches_, atom::watch_v, std::string{"policy_source"}, false,
                 caf::actor_cast<caf::strong_actor_ptr>(source));
  std::lock_guard guard{lock_};
  if (over_)
    caf::anon_send_exit(source, caf::exit_reason::user_shutdown);
  std::erase_if(begun_, [](const auto& each) { // of those that have ended little is left
    return !caf::actor_cast<caf::strong_actor_ptr>(each);
  });
  begun_.push_back(source.address());
  newest_ = source;
  return source;
}

void policy_sources::end() {
  std::lock_guard guard{lock_};
  over_ = true;
  for (const auto& each : begun_)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  newest_ = nullptr;
}

} // namespace proxy
