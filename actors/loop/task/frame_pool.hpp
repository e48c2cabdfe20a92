#pragma once

#include <cstddef>

namespace proxy {

/// Memory for coroutine frames: per-thread free lists by size. A request starts a handful of
/// coroutines of the same few sizes, each gone within microseconds.
void* allocate_frame(size_t size);
void release_frame(void* frame, size_t size) noexcept;

} // namespace proxy
