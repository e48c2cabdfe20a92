#pragma once

#include <cstdint>

namespace proxy::simulate {

/// How much of what `new` has given to anybody is still there, in numbers of it. When a world is
/// over it is as many as before: no actor, and nothing of one, is left.
[[nodiscard]] int64_t allocations() noexcept;

} // namespace proxy::simulate
