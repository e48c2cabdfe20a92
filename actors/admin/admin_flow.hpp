#pragma once

#include "actors/serve/client/admin_session.hpp"

namespace proxy {

/// Serves one client of the admin API until either side closes.
task<closing> admin_flow(admin_session& c);

} // namespace proxy
