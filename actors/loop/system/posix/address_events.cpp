#include "actors/loop/system/address_events.hpp"

namespace proxy {

std::unique_ptr<address_events> address_events::open() { return nullptr; }

address_events::~address_events() = default;

int address_events::descriptor() const noexcept { return -1; }

address_events::news address_events::take() { return news::none; }

} // namespace proxy
