#pragma once

#include <sys/epoll.h>

#include "actors/loop/poller.hpp"

namespace proxy::platform {

/// What epoll is told of a source that it is to watch.
[[nodiscard]] epoll_event epoll_event_of(io_source& source) noexcept;

} // namespace proxy::platform
