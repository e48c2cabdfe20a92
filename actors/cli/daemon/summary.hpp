#pragma once

#include <string>

#include "actors/messages.hpp"
#include "actors/observe/blocked_ring.hpp"

namespace proxy::cli {

/// What was refused, for the end of `run`: a headline and a line for each different request, the
/// most frequent first. "" when nothing was refused.
[[nodiscard]] std::string summary_of(blocked_page refused);

} // namespace proxy::cli
