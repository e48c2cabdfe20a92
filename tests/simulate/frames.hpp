#pragma once

#include <cstddef>

/// The memory of coroutine frames, watched. The campaign has an `allocate_frame` and a
/// `release_frame` of its own in place of the pool's: they know each frame that is in use, and keep
/// those that are not for a while, to see that nobody writes there.

namespace proxy::simulate {

[[nodiscard]] size_t frames_in_use();

/// @throws violation  A frame was released twice, or written to afterwards.
void check_frames();

/// The same, for all that have been kept; none is from now on.
void forget_frames();

} // namespace proxy::simulate
