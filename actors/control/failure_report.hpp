#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "actors/observe/log/log.hpp"

namespace proxy {

/// Tells the owner that the proxy has failed: once, whoever finds out. Who comes second goes on
/// when the owner knows.
class failure_report {
public:
  using failure_handler = std::function<void(const std::string& why)>;

  failure_report(log_ptr log, failure_handler tell)
    : log_(std::move(log)), tell_(std::move(tell)) {}

  void operator()(const std::string& why) { std::call_once(told_, tell_, why); }
  /// Logs a loss of which the owner is told later, by `lost`.
  void notice(const std::string& who, const std::string& what) {
    std::call_once(noticed_, [&] {
      log_->error("msg=actor_lost actor={} error={}", quoted_text(who), quoted_text(what));
    });
  }
  /// Logs a loss, unless it has been noticed, and tells the owner of it.
  void lost(const std::string& who, const std::string& what) {
    std::call_once(told_, [&] {
      notice(who, what);
      log_->error("msg=stopped lost={}", quoted_text(who + ": " + what));
      (void)log_->flush();
      tell_(who + ": " + what);
    });
  }

private:
  log_ptr log_;
  failure_handler tell_;
  std::once_flag noticed_;
  std::once_flag told_;
};

} // namespace proxy
