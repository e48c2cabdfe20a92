#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "actors/loop/system/machine.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/observe/otlp/export/encoders.hpp"
#include "actors/observe/otlp/export/metrics_sender.hpp"
#include "actors/observe/otlp/outlet.hpp"

namespace proxy {

/// What an exporter is born with. None of it may own the exporter.
struct exporter_parts {
  std::shared_ptr<outlet> from; ///< Never null.
  log_ptr log;                  ///< Never null.
  std::function<otlp_encoders(const config::otel&)> encoders;
  metrics_source metrics;
  machine on = this_machine();
};

/// Sends what comes to the outlet, and the metrics, to a collector: logs, metrics and traces each
/// at its own pace. It has a thread of its own while anything is to be sent, and none otherwise.
/// Owned by `network_proxy`; from any thread, but not on a loop.
class exporter {
public:
  /// How long what waits may take to be sent when sending is switched off, or the proxy ends.
  static constexpr std::chrono::seconds last_patience{5};

  explicit exporter(exporter_parts parts) : parts_(std::move(parts)) {}
  exporter(const exporter&) = delete;
  ~exporter() { end(parts_.on.clock.now()); }

  /// Other settings, from now on. Starts the thread, or has it end: nobody waits for it here. Where
  /// none can be had, the log says so and nothing is taken.
  void apply(const config::otel& settings);
  /// Before those who count end: the last metrics, to be sent at the end.
  void keep_last_metrics();
  /// Sends what waits, until the deadline, and ends the thread. What is not sent is lost and
  /// counted. Nothing is sent any more after it.
  void end(steady_time deadline);
  /// Cuts an `end` short, that another thread waits in or that is to come.
  void hurry();

private:
  /// What the thread is to do. Guarded by `lock_`, which no loop takes.
  struct orders {
    bool on = false;                              ///< Else it ends.
    std::shared_ptr<const config::otel> settings; ///< As it was last on.
    std::optional<steady_time> end_by;
    std::shared_ptr<const metrics_snapshot> last_metrics;
    bool closed = false;  ///< For ever.
    bool hurried = false; ///< The end does not wait for anybody.
  };

  void start_thread();
  [[nodiscard]] orders current() const;
  /// Whether the thread ends now; else somebody wants it again.
  [[nodiscard]] bool may_leave();

  class rounds;
  void run() noexcept;

  const exporter_parts parts_;
  mutable std::mutex lock_;
  orders orders_;
  bool running_ = false;
  std::thread thread_;
};

} // namespace proxy
