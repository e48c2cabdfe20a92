#include "actors/serve/client/asker.hpp"

#include "actors/serve/client/client_session.hpp"

namespace proxy {

std::optional<wall_time> moment_for(const snapshot& in_force, const clock& time) {
  return policy::reads_time(*in_force.rules) ? std::optional{time.wall()} : std::nullopt;
}

policy::asker asker_of(const client_session& c) {
  return {.client = {c.user()}, .now = moment_for(*c.shard.policy, c.shard.loop.on().clock)};
}

} // namespace proxy
