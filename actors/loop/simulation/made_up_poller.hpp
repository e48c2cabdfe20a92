#pragma once

#include <map>
#include <vector>

#include "actors/loop/poller.hpp"

namespace proxy::simulation {

class open_file;

/// Readiness as epoll reports it, edge-triggered: a source that something has happened to is
/// reported with all that it is ready for. Never waits: the world says when time passes.
class made_up_poller final : public poller {
public:
  explicit made_up_poller(class node& of) noexcept : node_(of) {}
  ~made_up_poller() override;

  bool add(io_source& source) override { return insert(source, false); }
  bool add_shared(io_source& source) override { return insert(source, true); }
  void remove(io_source& source) override;
  size_t wait(std::span<io_event> out, std::chrono::milliseconds timeout) override;
  void wake() noexcept override { woken_ = true; }

  /// Something has happened to a source.
  void touch(io_source& source);
  /// `wait` would report something, or was woken.
  [[nodiscard]] bool has_news() const;

private:
  bool insert(io_source& source, bool shared);
  void forget_place(io_source& source);

  node& node_;
  std::map<int, io_source*> shared_; ///< Listeners: reported as long as somebody waits there.
  std::map<int, io_source*> all_;
  std::vector<io_source*> touched_; ///< In the order in which it happened.
  bool woken_ = false;
};

} // namespace proxy::simulation
