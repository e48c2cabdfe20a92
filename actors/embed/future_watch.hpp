#pragma once

#include <codex/network_proxy.hpp>

#include <future>
#include <memory>

namespace proxy::embed {

/// Waits for many futures on one thread, which lives while there are any: std::future tells nobody
/// when it is ready, so they are looked at every millisecond at first, and then more and more
/// seldom.
class future_watch {
public:
  future_watch();
  future_watch(const future_watch&) = delete;
  future_watch& operator=(const future_watch&) = delete;
  /// Lets go of those that are not ready. An std::async among them waits for its end: after five
  /// seconds it is left behind with the thread.
  ~future_watch();

  /// Answers when the future is ready; not at all where it holds an exception, is empty,
  /// or 20,000 wait already. One
  /// that is ready is answered at once, and one that std::async has deferred is run here, by the
  /// caller, so that it holds up nobody else.
  /// @throws std::system_error where no thread can be had; then there is no answer.
  void add(std::future<codex::network_decision> answer, codex::decision_reply reply);

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace proxy::embed
