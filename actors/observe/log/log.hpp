#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>

#include "actors/loop/system/machine.hpp"
#include "actors/observe/log/log_line.hpp"
#include "actors/observe/log/log_queue.hpp"
#include "actors/observe/log/log_value.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// The log. Whoever has something to say hands over values and goes on: a thread of the log's own
/// formats and writes them. Lines beyond what may wait are dropped and counted, and the log says
/// how many, so that a slow output never holds up a loop. From any thread; nothing here locks.
///
/// The destructor writes what waits, for at most `last_patience`.
class logger {
public:
  /// Writes whole lines. @returns how many of them it lost. Called on the log's thread alone.
  using sink = std::function<size_t(std::string_view)>;

  static constexpr uint64_t max_waiting_bytes = 4 * 1024 * 1024;
  static constexpr std::chrono::seconds last_patience{5};

  logger(const config::log& settings, sink out, uint64_t max_bytes = max_waiting_bytes,
         const clock& time = this_machine().clock);
  logger(const logger&) = delete;
  ~logger();

  void apply(const config::log& settings) noexcept;

  [[nodiscard]] bool takes(log_level level) const noexcept {
    return level >= level_.load(std::memory_order_relaxed);
  }

  template <class... Ts>
  void debug(log_format<std::type_identity_t<Ts>...> format, const Ts&... values) {
    say(log_level::debug, format.text(), values...);
  }
  template <class... Ts>
  void info(log_format<std::type_identity_t<Ts>...> format, const Ts&... values) {
    say(log_level::info, format.text(), values...);
  }
  template <class... Ts>
  void warn(log_format<std::type_identity_t<Ts>...> format, const Ts&... values) {
    say(log_level::warn, format.text(), values...);
  }
  template <class... Ts>
  void error(log_format<std::type_identity_t<Ts>...> format, const Ts&... values) {
    say(log_level::error, format.text(), values...);
  }

  /// A refusal or a fault: shared, not copied.
  void tell(const decision_event_ptr& event);

  /// Waits until what was said before is written. Not on a loop.
  /// @returns false when that took longer, or lines were lost.
  bool flush(std::chrono::milliseconds patience = std::chrono::seconds{2});

  /// Lines that were lost, for lack of room or by the output.
  [[nodiscard]] uint64_t dropped() noexcept {
    return queue_.load().dropped.load(std::memory_order_relaxed);
  }
  /// What waits to be written, about.
  [[nodiscard]] uint64_t waiting_bytes() noexcept {
    return queue_.load().waiting.load(std::memory_order_relaxed);
  }

private:
  template <class... Ts>
  void say(log_level level, const char* format, const Ts&... values) {
    if (!takes(level))
      return;
    if constexpr (sizeof...(Ts) == 0) {
      put({clock_.wall(), level, format, {}});
    } else {
      const log_value captured[] = {log_value{values}...};
      put({clock_.wall(), level, format, captured});
    }
  }
  void put(const log_entry& entry);

  // -- on the log's thread --
  void run();
  void write(log_record::pointer batch);
  void write_lines();
  void tell_losses();

  const clock& clock_;
  sink out_;
  log_queue queue_;
  std::atomic<log_level> level_;
  std::atomic<log_layout> layout_;
  std::atomic<bool> hurried_{false}; ///< Somebody waits for what is written.
  std::atomic<bool> ending_{false};
  steady_time end_by_; ///< Set before `ending_`.
  std::string lines_;  ///< Not written yet.
  size_t line_count_ = 0;
  uint64_t told_losses_ = 0;
  std::thread thread_;
};

using log_ptr = std::shared_ptr<logger>;

/// One on stderr, which loses lines rather than hanging.
[[nodiscard]] log_ptr make_logger(const config::log& settings);

} // namespace proxy
