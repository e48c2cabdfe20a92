#include "actors/control/address_watch.hpp"

#include <caf/send.hpp>

namespace proxy {

namespace {

/// The first change is told at once, those that follow it so soon together: an interface that comes
/// up gets several addresses.
constexpr std::chrono::milliseconds quiet{100};

} // namespace

address_watch::address_watch(caf::actor_config& cfg, policy_store_actor tell)
  : super(cfg), store_(std::move(tell)) {}

address_watch::~address_watch() { stop(); }

void address_watch::stop() {
  if (events_)
    loop().unwatch(*this);
  events_.reset();
  unlink();
}

address_watch::behavior_type address_watch::make_behavior() {
  events_ = address_events::open();
  if (events_) {
    fd = events_->descriptor();
    if (!loop().watch(*this))
      events_.reset();
  }
  // What came between the reading of the first policy and now.
  send(store_, atom::addresses_v);
  return {
    [this](atom::abort) { quit(); },
  };
}

void address_watch::on_exit() {
  stop();
  store_ = nullptr;
}

void address_watch::on_ready() {
  ready &= static_cast<uint8_t>(~io_in);
  switch (events_->take()) {
    case address_events::news::none: return;
    case address_events::news::broken: return stop();
    case address_events::news::some: break;
  }
  changed_again_ = linked();
  if (changed_again_)
    return;
  send(store_, atom::addresses_v);
  loop().arm(*this, loop().now() + quiet);
}

void address_watch::on_timer() {
  if (!std::exchange(changed_again_, false))
    return;
  send(store_, atom::addresses_v);
  loop().arm(*this, loop().now() + quiet);
}

} // namespace proxy
