#pragma once

#include <codex/network_proxy.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/embed/builder_impl.hpp"
#include "actors/embed/caf_actors.hpp"
#include "actors/embed/decider_pool.hpp"
#include "actors/embed/sinks.hpp"
#include "actors/network_proxy.hpp"

namespace proxy::embed {

/// What becomes of a proxy, for those who wait for it.
class fate {
public:
  /// It has lost a part of itself.
  void fail(const std::string& why);
  /// It has ended in order.
  void end();
  /// Waits for either. @returns why it failed; nullopt when it ended.
  [[nodiscard]] std::optional<std::string> await() const;
  /// Why it failed; nullopt where it has not.
  [[nodiscard]] std::optional<std::string> failure() const;

private:
  mutable std::mutex lock_;
  mutable std::condition_variable told_;
  bool ended_ = false;
  std::optional<std::string> failure_;
};

/// What a proxy has of its program, beside its configuration.
struct belongings {
  environment_ptr environment;
  std::shared_ptr<decider_pool> deciders; ///< Null: nobody decides.
  std::shared_ptr<sinks> told = std::make_shared<sinks>();
  std::shared_ptr<fate> becomes = std::make_shared<fate>();
  caf::actor_system* system = nullptr; ///< That it shares; null: it has one of its own.
  events_desk events;                  ///< In that; null where there is none.
};

} // namespace proxy::embed

namespace codex {

struct network_proxy::impl {
  proxy::embed::belongings has;
  std::optional<proxy::bound_proxy> bound; ///< Until it is run.
  std::string http, socks, admin;          ///< Where it is bound; "" where it is not.
};

/// Calls hold it, so that one under way in another thread finds all there when the handle goes.
struct network_proxy::handle::impl {
  impl(proxy::embed::belongings with, proxy::network_proxy running)
    : has(std::move(with)), proxy(std::move(running)) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { end(); }

  /// Ends it at once. May be called twice, and by two threads.
  void end() noexcept;
  /// Why it cannot be asked anything any more; nullopt while it can.
  [[nodiscard]] std::optional<error> unusable() const;
  /// Lets what is under way end. May be called by two threads: the less patient one cuts it short.
  /// @returns whether nothing has to be cut off.
  [[nodiscard]] bool drain(std::chrono::milliseconds grace);
  /// Makes a change, unless it cannot be asked any more.
  [[nodiscard]] result<policy_change>
  change(const std::function<proxy::reload_outcome(proxy::network_proxy&)>& how);

  proxy::embed::belongings has;
  proxy::network_proxy proxy;
  std::mutex environments;   ///< Held by who replaces that of the configuration.
  bool is_waited_for = true; ///< Else it was not enabled when it began.

private:
  std::atomic<bool> drains_{false}; ///< It takes in no change any more.
  std::mutex draining_;
  std::condition_variable told_; ///< What it has come to.
  std::optional<bool> drained_;  ///< What the first of them has come to.
  std::once_flag ended_;
  std::atomic<bool> over_{false};
};

} // namespace codex

namespace proxy::embed {

/// What is behind what the program has.
struct access {
  static codex::network_proxy::builder::impl& of(codex::network_proxy::builder& one) {
    return *one.impl_;
  }
  static codex::network_proxy::handle::impl& of(const codex::network_proxy::handle& one) {
    return *one.impl_;
  }
};

} // namespace proxy::embed
