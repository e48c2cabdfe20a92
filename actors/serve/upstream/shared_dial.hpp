#pragma once

#include <memory>
#include <vector>

#include "actors/loop/task/task.hpp"
#include "actors/loop/task/waker.hpp"

namespace proxy {

class transport;

/// A dial for streams that is under way: the flow that dials ends it, others that want the same
/// upstream wait for what it gets. All of them share it, so that whoever goes first leaves nothing
/// behind. Lives on one loop.
class shared_dial {
public:
  explicit shared_dial(event_loop& loop) noexcept : loop_(loop) {}
  shared_dial(const shared_dial&) = delete;

  [[nodiscard]] bool is_over() const noexcept { return over_; }
  /// Wakes who waits, in the order they came.
  void end();

  /// A flow's place among those that wait: taken while this lives.
  class place {
  public:
    place(std::shared_ptr<shared_dial> of, ready_handler& flow);
    place(const place&) = delete;
    ~place();

  private:
    std::shared_ptr<shared_dial> dial_;
    ready_handler& flow_;
  };

private:
  event_loop& loop_;
  std::vector<ready_handler*> waiting_; ///< Of places, in the order they were taken.
  bool over_ = false;
};

/// Waits for the end of another flow's dial, at most until `deadline`, and no longer than the
/// client is there.
task<> await_dial(std::shared_ptr<shared_dial> dial, waker& wakes, steady_time deadline,
                  const transport& client);

} // namespace proxy
