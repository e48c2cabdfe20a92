#pragma once

#include "actors/loop/system/clock.hpp"
#include "actors/messages.hpp"
#include "policy/decide.hpp"

namespace proxy {

class client_session;

/// The moment by which a policy judges. The clock is read only where a rule has an end.
[[nodiscard]] std::optional<wall_time> moment_for(const snapshot& in_force, const clock& time);

/// Who asks the policy of this moment, and when. Its views live as long as the name that the client
/// is known by (`client_session::known_as`).
[[nodiscard]] policy::asker asker_of(const client_session& c);

} // namespace proxy
