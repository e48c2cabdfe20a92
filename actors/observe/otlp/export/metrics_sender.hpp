#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "actors/observe/otlp/export/encoders.hpp"
#include "actors/observe/otlp/export/signal_sender.hpp"

namespace proxy {

/// What gathers all series, waiting for those who count: nullopt where they do not answer in time.
using metrics_source = std::function<std::optional<metrics_snapshot>()>;

/// Sends all series every so often. They count from the start of the proxy, so one that is lost is
/// made up for by the next.
class metrics_sender final : public signal_sender {
public:
  using encoder = std::function<std::string(const metrics_snapshot&)>;

  metrics_sender(sender_parts parts, metrics_source source)
    : signal_sender(telemetry_signal::metrics, std::move(parts)), source_(std::move(source)) {}

  void encode_by(encoder by) { encode_ = std::move(by); }
  /// The last that there will be.
  void send_last(metrics_snapshot last) { last_ = std::move(last); }

private:
  void settings_changed(const config::otel& settings, steady_time now) override {
    if (settings.metrics.url.empty())
      next_ = steady_time::max();
    else if (interval_ != settings.metrics_interval || next_ == steady_time::max())
      next_ = now + settings.metrics_interval;
    interval_ = settings.metrics_interval;
  }
  std::optional<steady_time> due() const override { return next_; }
  bool has_more() const override { return last_.has_value(); }
  size_t begin_batch(steady_time now) override {
    if (is_ending()) {
      now_sent_ = std::exchange(last_, std::nullopt);
    } else {
      next_ = now + interval_;
      now_sent_ = source_();
    }
    return now_sent_ ? 1 : 0;
  }
  std::string encode() override { return encode_(*now_sent_); }
  void delivered(uint64_t) override { now_sent_.reset(); }
  void lost(otlp_loss) override { now_sent_.reset(); }
  void drop_rest() override { last_.reset(); }

  metrics_source source_;
  encoder encode_;
  std::chrono::milliseconds interval_{};
  steady_time next_ = steady_time::max();
  std::optional<metrics_snapshot> now_sent_;
  std::optional<metrics_snapshot> last_;
};

} // namespace proxy
