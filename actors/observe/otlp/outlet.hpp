#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <variant>

#include "actors/loop/wake_ends.hpp"
#include "actors/observe/decision_event.hpp"
#include "actors/observe/subscriber_queue.hpp"

namespace proxy {

struct span;
using span_ptr = std::shared_ptr<const span>;

/// Why something did not reach the collector.
enum class otlp_loss : uint8_t {
  queue_full,  ///< Too much waited already.
  refused,     ///< The collector answered that it never takes it.
  unreachable, ///< No attempt was answered in time.
  rejected,    ///< It took the request, and not all that was in it (partial success).
  unsent,      ///< The proxy ended, or sending was switched off, before it was sent.
};
inline constexpr size_t otlp_losses = 5;

/// What is told to an outlet: each has a queue of its own.
enum class outlet_kind : uint8_t { event, span };
inline constexpr size_t outlet_kinds = 2;

/// An event or a span on its way to the exporter's thread.
struct outlet_item {
  outlet_item(std::variant<decision_event_ptr, span_ptr> item, uint64_t size) noexcept
    : what(std::move(item)), bytes(size) {}

  std::variant<decision_event_ptr, span_ptr> what;
  uint64_t bytes; ///< That it holds, about.
  outlet_item* next = nullptr;
};

/// The mailbox of the exporter: what is to be sent to a collector comes here from any loop, and one
/// thread takes it. Whoever tells neither locks nor waits: it is one push onto a list, and what
/// finds no room is dropped and counted. Lives as long as the proxy's state, whether or not
/// anything is sent.
class outlet {
public:
  /// What may wait, whatever the number of items. Hosts and rules are short: it is met only where
  /// somebody makes them long.
  static constexpr uint64_t max_waiting_bytes = 64 * 1024 * 1024;
  /// What may wait of one kind for a collector that has never answered and may not exist: that
  /// should cost neither much memory nor, for long, the work to make it.
  static constexpr uint64_t max_waiting_in_doubt = 4'096;
  static constexpr int64_t never = std::numeric_limits<int64_t>::max();

  outlet() = default;
  outlet(const outlet&) = delete;
  ~outlet();

  // -- from any thread --

  /// Whether anything of the kind is sent.
  [[nodiscard]] bool takes(outlet_kind kind) const noexcept {
    return of(kind).open.load(std::memory_order_relaxed);
  }
  /// Whether one more is wanted now: else there is no need to make it. One that is not because too
  /// much waits is counted as lost.
  [[nodiscard]] bool wants(outlet_kind kind) noexcept;

  /// Never waits.
  void tell(decision_event_ptr event);
  void tell(span_ptr one);

  /// What was lost, by cause and in all.
  void lost(otlp_loss why, uint64_t count) noexcept {
    losses_[static_cast<size_t>(why)].fetch_add(count, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t lost(otlp_loss why) const noexcept;
  [[nodiscard]] uint64_t lost() const noexcept;
  /// What waits, until it is sent or lost.
  [[nodiscard]] uint64_t waiting() const noexcept {
    uint64_t sum = 0;
    for (const auto& one : kinds_)
      sum += one.queue.waiting.load(std::memory_order_relaxed);
    return sum;
  }
  /// How many reached the collector.
  std::atomic<uint64_t> delivered{0};

  // -- the exporter's --

  /// What is taken from now on. One thread at a time.
  /// @param max_waiting  Events, and as many spans.
  /// @throws std::runtime_error without descriptors.
  void open(bool events, bool spans, uint64_t max_waiting);
  void close() noexcept {
    for (auto& one : kinds_)
      one.open = false;
  }
  /// Whether it is doubtful that anybody ever takes any of the kind (`max_waiting_in_doubt`). What
  /// waits already stays.
  void doubt(outlet_kind kind, bool on) noexcept { of(kind).in_doubt = on; }

  /// Gives back all that came since, oldest first; null when nothing did.
  [[nodiscard]] std::unique_ptr<outlet_item> take_all() noexcept;
  /// The one behind; takes it off.
  [[nodiscard]] static std::unique_ptr<outlet_item> next(outlet_item& of) noexcept;
  /// One that was taken is sent or lost.
  void left(outlet_kind kind, uint64_t bytes) noexcept;

  /// What becomes readable when so much has come as was asked for, and when somebody calls `wake`.
  [[nodiscard]] int descriptor() const noexcept { return wake_.load()->descriptor(); }
  /// From now on one wake-up comes with the `count`-th item that was not taken yet.
  /// @returns false when there are as many already.
  [[nodiscard]] bool wake_at(int64_t count) noexcept;
  /// After a wait: what made it end is no longer there.
  void reset() noexcept { wake_.load()->reset(); }
  /// From any thread, once it was opened.
  void wake() noexcept;

private:
  struct state_of_kind {
    std::atomic<bool> open{false}, in_doubt{false};
    subscriber_queue queue;
  };

  [[nodiscard]] state_of_kind& of(outlet_kind kind) noexcept {
    return kinds_[static_cast<size_t>(kind)];
  }
  [[nodiscard]] const state_of_kind& of(outlet_kind kind) const noexcept {
    return kinds_[static_cast<size_t>(kind)];
  }
  [[nodiscard]] uint64_t limit(const state_of_kind& kind) const noexcept;
  bool has_room(state_of_kind& kind, uint64_t bytes) noexcept;
  void push(std::unique_ptr<outlet_item> item) noexcept;

  std::atomic<uint64_t> max_waiting_{0};
  std::array<state_of_kind, outlet_kinds> kinds_;
  std::atomic<uint64_t> bytes_{0};
  std::array<std::atomic<uint64_t>, otlp_losses> losses_{};
  std::atomic<outlet_item*> newest_{nullptr};
  std::atomic<int64_t> listed_{0};            ///< Items that nobody has taken.
  std::atomic<int64_t> wake_at_{never};       ///< So many of them end a wait.
  std::atomic<const wake_up*> wake_{nullptr}; ///< Of `owned_wake_`; set once.
  std::unique_ptr<const wake_up> owned_wake_;
};

} // namespace proxy
