#include "actors/asker.hpp"

#include "actors/client_session.hpp"

namespace proxy {

std::optional<std::chrono::system_clock::time_point> moment_for(const snapshot& in_force) {
  return policy::reads_time(*in_force.rules) ? std::optional{std::chrono::system_clock::now()}
                                             : std::nullopt;
}

policy::asker asker_of(const client_session& c) {
  return {.client = {c.user()}, .now = moment_for(*c.shard.policy)};
}

} // namespace proxy
