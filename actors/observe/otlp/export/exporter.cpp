#include "actors/observe/otlp/export/exporter.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "actors/loop/system/quiet_thread.hpp"
#include "actors/observe/otlp/collector/url_origin.hpp"
#include "actors/observe/otlp/export/batch_sender.hpp"

namespace proxy {

namespace {

/// A wait ends after this long in any case, which costs nothing.
constexpr std::chrono::milliseconds longest_wait{60'000};

std::string told_origin(const config::otlp_signal& to) {
  return to.url.empty() ? "none" : origin_of(to.url);
}

/// Once for each set of settings: it passes no policy, which nobody should have to find out.
void tell_way(logger& log, const config::otel& settings) {
  log.info("msg=telemetry_sent_directly logs={} metrics={} traces={}", told_origin(settings.logs),
           told_origin(settings.metrics), told_origin(settings.traces));
}

} // namespace

/// One life of the thread: what it does, time after time, until it is to end.
class exporter::rounds {
public:
  explicit rounds(const exporter_parts& parts)
    : parts_(parts), shared_{parts.from, parts.log, std::make_shared<lazy_client>(parts.log),
                             parts.on},
      logs_(telemetry_signal::logs, shared_, outlet_kind::event), metrics_(shared_, parts.metrics),
      spans_(telemetry_signal::traces, shared_, outlet_kind::span) {}

  void apply(const orders& now_wanted);
  void go_on();
  /// Everything is sent, or the time is over.
  [[nodiscard]] bool is_over() const;
  void wait();
  /// What is left is lost.
  void abandon(const orders& wanted);

private:
  [[nodiscard]] std::array<signal_sender*, telemetry_signals> all() {
    return {&logs_, &metrics_, &spans_};
  }
  [[nodiscard]] steady_time now() const noexcept { return parts_.on.clock.now(); }
  void encode_by(otlp_encoders next);
  void collect(steady_time at);
  void begin_end(const orders& wanted);
  [[nodiscard]] std::chrono::milliseconds time_left();

  const exporter_parts& parts_;
  sender_parts shared_;
  batch_sender<decision_event_ptr> logs_;
  metrics_sender metrics_;
  batch_sender<span_ptr> spans_;
  std::shared_ptr<const config::otel> settings_;
  std::optional<steady_time> end_by_;
  bool last_taken_ = false;
};

void exporter::rounds::apply(const orders& wanted) {
  if (!wanted.end_by && std::exchange(end_by_, std::nullopt)) // on again before it was off
    for (auto* one : all())
      one->call_off_end();
  if (wanted.settings && wanted.settings != settings_) {
    settings_ = wanted.settings;
    encode_by(parts_.encoders(*settings_));
    for (auto* one : all())
      one->apply(*settings_, now());
  }
  if (wanted.end_by)
    begin_end(wanted);
}

/// A signal that is off now keeps what it has, for what still waits.
void exporter::rounds::encode_by(otlp_encoders next) {
  if (!settings_->logs.url.empty())
    logs_.encode_by(std::move(next.logs));
  if (!settings_->metrics.url.empty())
    metrics_.encode_by(std::move(next.metrics));
  if (!settings_->traces.url.empty())
    spans_.encode_by(std::move(next.spans));
}

void exporter::rounds::begin_end(const orders& wanted) {
  end_by_ = wanted.end_by;
  if (wanted.last_metrics && !std::exchange(last_taken_, true))
    metrics_.send_last(*wanted.last_metrics);
  for (auto* one : all())
    one->begin_end(now(), *end_by_);
}

/// Takes what came.
void exporter::rounds::collect(steady_time at) {
  for (auto item = parts_.from->take_all(); item; item = outlet::next(*item))
    if (auto* event = std::get_if<decision_event_ptr>(&item->what))
      logs_.add(std::move(*event), item->bytes, at);
    else
      spans_.add(std::get<span_ptr>(std::move(item->what)), item->bytes, at);
}

void exporter::rounds::go_on() {
  auto at = now();
  collect(at);
  for (auto* one : all())
    one->step(at);
}

bool exporter::rounds::is_over() const {
  if (!end_by_)
    return false;
  return now() >= *end_by_ || (logs_.is_done() && metrics_.is_done() && spans_.is_done());
}

std::chrono::milliseconds exporter::rounds::time_left() {
  auto until = end_by_.value_or(steady_time::max());
  for (auto* one : all())
    until = std::min(until, one->next());
  auto at = now();
  if (until <= at)
    return std::chrono::milliseconds{0};
  if (until - at >= longest_wait)
    return longest_wait;
  return std::chrono::ceil<std::chrono::milliseconds>(until - at);
}

void exporter::rounds::wait() {
  auto limit = time_left();
  auto items = outlet::never;
  for (auto* one : all())
    items = std::min(items, one->missing());
  // The first of a batch is noticed at once, as its time begins with it. Those that follow need
  // nobody before the batch is full.
  if (items != outlet::never && settings_ && limit > settings_->delay)
    items = 1;
  if (!parts_.from->wake_at(items))
    limit = std::chrono::milliseconds{0};
  auto fd = parts_.from->descriptor();
  if (auto* client = shared_.client->made(); client && client->is_busy()) {
    client->wait(fd, limit);
  } else {
    pollfd one{fd, POLLIN, 0};
    ::poll(&one, 1, static_cast<int>(limit.count()));
  }
  (void)parts_.from->wake_at(outlet::never);
  parts_.from->reset();
}

void exporter::rounds::abandon(const orders& wanted) {
  if (!wanted.on)
    collect(now()); // else it is for the next life
  for (auto* one : all())
    one->abandon();
  if (auto lost = parts_.from->lost(); lost > 0 && !wanted.on)
    parts_.log->warn("msg=telemetry_ended delivered={} lost={}", parts_.from->delivered.load(),
                     lost);
}

void exporter::apply(const config::otel& settings) {
  std::lock_guard guard{lock_};
  if (orders_.closed || (orders_.on && *orders_.settings == settings))
    return;
  if (!is_on(settings)) {
    parts_.from->close();
    if (std::exchange(orders_.on, false))
      orders_.end_by = parts_.on.clock.now() + last_patience;
    return parts_.from->wake();
  }
  orders_.on = true;
  orders_.settings = std::make_shared<const config::otel>(settings);
  orders_.end_by.reset();
  tell_way(*parts_.log, settings);
  try {
    parts_.from->open(!settings.logs.url.empty(), !settings.traces.url.empty(),
                      settings.queue_size);
    if (!running_)
      start_thread();
  } catch (const std::exception& e) { // no thread or no descriptor is left
    parts_.from->close();
    orders_.on = false;
    parts_.log->error("msg=telemetry_not_started error={}", quoted_text(e.what()));
  }
  parts_.from->wake();
}

void exporter::start_thread() {
  if (thread_.joinable())
    thread_.join(); // it has left its last round
  thread_ = quiet_thread([this] { run(); });
  running_ = true;
}

void exporter::keep_last_metrics() {
  auto wanted = current();
  if (!wanted.on || wanted.settings->metrics.url.empty())
    return;
  auto last = parts_.metrics();
  std::lock_guard guard{lock_};
  if (last)
    orders_.last_metrics = std::make_shared<const metrics_snapshot>(std::move(*last));
}

void exporter::end(steady_time deadline) {
  {
    std::lock_guard guard{lock_};
    orders_.closed = true;
    orders_.on = false;
    auto now = parts_.on.clock.now();
    orders_.end_by = orders_.hurried ? now : std::min(deadline, now + last_patience);
  }
  parts_.from->close();
  parts_.from->wake();
  if (thread_.joinable())
    thread_.join();
}

void exporter::hurry() {
  {
    std::lock_guard guard{lock_};
    orders_.hurried = true;
    if (orders_.end_by)
      orders_.end_by = parts_.on.clock.now();
  }
  parts_.from->wake();
}

exporter::orders exporter::current() const {
  std::lock_guard guard{lock_};
  return orders_;
}

bool exporter::may_leave() {
  std::lock_guard guard{lock_};
  running_ = orders_.on;
  return !running_;
}

void exporter::run() noexcept {
  do {
    rounds here{parts_};
    try {
      for (;;) {
        here.apply(current());
        here.go_on();
        if (here.is_over() && !current().on)
          break;
        here.wait();
      }
      here.abandon(current());
    } catch (const std::exception& e) { // no memory: nothing but telemetry is lost
      parts_.from->close();
      parts_.log->error("msg=telemetry_ended error={}", quoted_text(e.what()));
      std::lock_guard guard{lock_};
      orders_.on = false; // the next reload may start it again
      running_ = false;
      return;
    }
  } while (!may_leave());
}

} // namespace proxy
