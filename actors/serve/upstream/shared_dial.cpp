#include "actors/serve/upstream/shared_dial.hpp"

#include "actors/net/transport.hpp"

namespace proxy {

void shared_dial::end() {
  over_ = true;
  for (auto* flow : std::exchange(waiting_, {}))
    loop_.again(*flow); // not from here: the one that dialled is on the stack
}

shared_dial::place::place(std::shared_ptr<shared_dial> of, ready_handler& flow)
  : dial_(std::move(of)), flow_(flow) {
  if (!dial_->over_)
    dial_->waiting_.push_back(&flow_);
}

shared_dial::place::~place() { std::erase(dial_->waiting_, &flow_); }

task<> await_dial(std::shared_ptr<shared_dial> dial, waker& wakes, steady_time deadline,
                  const transport& client) {
  shared_dial::place in_line{dial, wakes};
  while (!dial->is_over() && !client.dead()) {
    auto in_time = co_await wakes.until(deadline);
    if (!in_time)
      break;
  }
}

} // namespace proxy
