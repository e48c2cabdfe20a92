#pragma once

#include "actors/admin/routes.hpp"

namespace proxy::admin {

/// How long those who are asked have to answer, all at once.
inline constexpr std::chrono::seconds probe_patience{1};

/// GET /livez, /readyz, /healthz and /PROBE/CHECK: 200 or 503; 404 for a check that there is not.
/// Text; `?verbose` with a line for each check, `?verbose=json` as JSON.
task<reply> answer_probe(admin_session& c, const request& req, const std::string& body);

} // namespace proxy::admin
