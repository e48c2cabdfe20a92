#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "actors/loop/system/machine.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/observe/otlp/collector/collector_client.hpp"
#include "actors/observe/otlp/outlet.hpp"

namespace proxy {

/// The client of the exporter's thread: made with its first request.
class lazy_client {
public:
  explicit lazy_client(log_ptr log) : log_(std::move(log)) {}
  /// Null where libcurl cannot be had, which the log says once.
  [[nodiscard]] collector_client* get();
  /// Null while none was made.
  [[nodiscard]] collector_client* made() const noexcept { return client_.get(); }

private:
  log_ptr log_;
  std::unique_ptr<collector_client> client_;
  bool tried_ = false;
};

/// What senders share.
struct sender_parts {
  std::shared_ptr<outlet> from;
  log_ptr log;
  std::shared_ptr<lazy_client> client;
  machine on;
};

/// Sends what there is of one signal, a batch after the other, and tells the log when its collector
/// fails and when it is back. What is in a batch is its kinds' business (`batch_sender`,
/// `metrics_sender`). On the exporter's thread alone.
class signal_sender {
public:
  signal_sender(telemetry_signal which, sender_parts parts);
  signal_sender(const signal_sender&) = delete;
  virtual ~signal_sender() = default;

  /// Other settings. Where it is off in them, what waits is still sent by the ones before. Where
  /// they name another collector, what the one before has not answered yet is sent to that one.
  void apply(const config::otel& settings, steady_time now);
  /// Goes on: begins a batch that is due, takes an answer.
  void step(steady_time now);
  /// When it goes on by itself; the far future where it waits for an answer, or has nothing.
  [[nodiscard]] steady_time next() const;
  /// How many items more make it go on; `outlet::never` where none do.
  [[nodiscard]] int64_t missing() const;

  /// What there is goes at once; no attempt begins after the limit, and none is repeated where the
  /// collector fails already, or does not answer then.
  void begin_end(steady_time now, steady_time limit);
  /// There is no end after all: what waits has its time again.
  void call_off_end() noexcept;
  [[nodiscard]] bool is_done() const { return state_ == state::idle && !has_more(); }
  /// All that is left is lost.
  void abandon();

protected:
  // -- of its kind --

  virtual void settings_changed(const config::otel& settings, steady_time now) = 0;
  /// When the next batch is due; nullopt while there is nothing.
  [[nodiscard]] virtual std::optional<steady_time> due() const = 0;
  /// Whether anything is left to be sent at the end.
  [[nodiscard]] virtual bool has_more() const = 0;
  /// Takes the next batch. @returns its items; 0: there is none after all.
  [[nodiscard]] virtual size_t begin_batch(steady_time now) = 0;
  [[nodiscard]] virtual std::string encode() = 0;
  /// Half of it from now on. @returns its items.
  [[nodiscard]] virtual size_t halve() { return 1; }
  /// It is delivered but for what was rejected, or lost.
  virtual void delivered(uint64_t rejected) = 0;
  virtual void lost(otlp_loss why) = 0;
  /// Whether its collector has failed and never answered: it may not exist.
  virtual void doubted(bool /*on*/) {}
  /// What is not in a batch is lost.
  virtual void drop_rest() {}
  /// Items that are missing until the next batch is full.
  [[nodiscard]] virtual int64_t missing_items() const { return outlet::never; }

  [[nodiscard]] bool is_ending() const noexcept { return ending_; }

  const telemetry_signal which_;
  const sender_parts parts_;

private:
  enum class state : uint8_t { idle, paused, under_way };

  /// Where it fails, one batch is lost.
  template <class Step>
  void guarded(Step step);
  void go_on(steady_time now);
  void take_what_came(steady_time now);
  void turn_to(const config::otlp_signal& next, steady_time now);
  void begin(steady_time now);
  void prepare();
  void send(steady_time now);
  void take_answer(const collector_answer& answer, steady_time now);
  void judge_existence(const collector_answer& answer);
  void settle(const collector_answer& answer);
  void give_up(otlp_loss why);
  void tell_failure(const collector_answer& answer, next_step then);

  state state_ = state::idle;
  delivery rules_;
  config::otlp_signal to_; ///< As it was last on.
  bool on_ = false;
  size_t items_ = 0; ///< In the request.
  std::string body_;
  bool is_gzip_ = false;
  bool has_answered_ = false;  ///< This collector, ever.
  bool failing_ = false;       ///< The last answer was none that we want.
  std::set<uint16_t> told_;    ///< Status of each failure that was said since it last did not fail.
  bool told_rejected_ = false; ///< By this collector; said once.
  bool ending_ = false;
};

} // namespace proxy
