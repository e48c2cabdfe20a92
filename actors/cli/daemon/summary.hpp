#pragma once

#include <string>

#include "actors/messages.hpp"

namespace proxy::cli {

/// What was refused, for the end of `run`: a headline and a line for each different request, the
/// most frequent first. "" when nothing was refused.
[[nodiscard]] std::string summary_of(blocked_page refused);

} // namespace proxy::cli
