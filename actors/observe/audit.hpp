#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "actors/messages.hpp"
#include "actors/observe/audit_line.hpp"
#include "actors/observe/decision_event.hpp"
#include "actors/observe/log/line_writer.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/observe/subscriber_queue.hpp"

namespace proxy {

/// Writes a JSON line for each policy decision and each fault. Lives on the scheduler; one per
/// proxy, owned by `network_proxy`. A slow sink never slows a connection: `record` is fire and
/// forget, and the senders drop and count events while `audit.queue_size` of them wait
/// (`subscriber_queue`, which this actor counts down).
using audit_actor = caf::typed_actor<
  // Writes an event. No reply.
  caf::reacts_to<atom::record, decision_event_ptr>,
  // A new configuration: opens its sink. Replies false when that cannot be opened (the old one
  // stays).
  caf::replies_to<atom::configure, config_ptr>::with<bool>,
  // Closes and opens the file again (log rotation).
  caf::reacts_to<atom::reopen>,
  // Answers once everything recorded before is written: true unless the sink failed.
  caf::replies_to<atom::flush>::with<bool>>;

/// Takes whole lines. @returns how many of them it lost.
using line_taker = std::function<size_t(std::string_view lines)>;

/// Where audit lines go: nowhere, stderr, a file that is appended to, or to somebody who takes
/// them.
class audit_sink {
public:
  audit_sink() = default; ///< Nowhere.
  /// To somebody.
  explicit audit_sink(line_taker to) : taker_(std::move(to)) {}
  audit_sink(audit_sink&& other) noexcept;
  audit_sink& operator=(audit_sink&& other) noexcept;
  ~audit_sink();

  /// @param output  As configured: "none", "stderr" or "file:PATH". A file is made with mode 0600.
  /// @returns errc::system with path and errno text when the file cannot be opened.
  [[nodiscard]] static caf::expected<audit_sink> open(const std::string& output);

  /// Writes whole lines. @returns how many of them were lost.
  size_t write(std::string_view lines);

  [[nodiscard]] const std::string& output() const noexcept { return output_; }
  [[nodiscard]] int error() const noexcept { return out_.error(); }

private:
  std::string output_ = "none";
  line_taker taker_;
  int fd_ = -1;
  bool owned_ = false;
  line_writer out_;
};

struct audit_state {
  static inline const char* name = "audit";
  explicit audit_state(audit_actor::pointer) {}

  audit_sink sink;
  std::string metadata;  ///< Of `metadata_members`.
  std::string batch;     ///< Lines that wait for the end of what is in the mailbox.
  uint64_t batched = 0;  ///< Events that they tell of.
  bool flushing = false; ///< A flush of our own is on its way to us.
  bool failing = false;  ///< The last write lost lines; logged once.
};

/// What it is born with.
struct audit_start {
  std::shared_ptr<subscriber_queue> queue; ///< What waits for it; never null.
  log_ptr log;                             ///< Hears when events are lost; never null.
  line_taker taker{};        ///< Gets all of it, whatever is configured; null: nobody does.
  bool has_stderr = true;    ///< Else what is to go there goes nowhere.
  audit_metadata metadata{}; ///< Of the program that embeds us; before that of the configuration.
};

audit_actor::behavior_type audit(audit_actor::stateful_pointer<audit_state> self,
                                 audit_start start);

} // namespace proxy
