#include "actors/loop/poller.hpp"

namespace proxy {

std::unique_ptr<poller> make_epoll_poller() { return nullptr; }

std::unique_ptr<poller> make_poller() { return make_poll_poller(); }

} // namespace proxy
