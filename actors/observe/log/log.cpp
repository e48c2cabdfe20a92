#include "actors/observe/log/log.hpp"

#include <unistd.h>

#include <utility>

#include "actors/loop/system/quiet_thread.hpp"
#include "actors/observe/log/line_writer.hpp"

namespace proxy {

namespace {

/// Lines are written together up to this size.
constexpr size_t flush_size = 16 * 1024;

/// How long lines are gathered once there is one: those of a burst share a wake-up and a write.
constexpr std::chrono::milliseconds gathering{2};

log_layout layout_of(const config::log& settings) noexcept {
  return settings.format == "json" ? log_layout::json : log_layout::text;
}

} // namespace

logger::logger(const config::log& settings, sink out, uint64_t max_bytes, const clock& time)
  : clock_(time), out_(std::move(out)), queue_(max_bytes), level_(level_named(settings.level)),
    layout_(layout_of(settings)), thread_(quiet_thread([this] { run(); })) {}

logger::~logger() {
  end_by_ = clock_.now() + last_patience;
  ending_ = true;
  queue_.wake();
  thread_.join();
}

void logger::apply(const config::log& settings) noexcept {
  level_ = level_named(settings.level);
  layout_ = layout_of(settings);
}

void logger::put(const log_entry& entry) { queue_.put(log_record::of(entry)); }

void logger::tell(const decision_event_ptr& event) {
  if (takes(log_level::info))
    queue_.put(log_record::of(event));
}

bool logger::flush(std::chrono::milliseconds patience) {
  std::promise<bool> written;
  auto answer = written.get_future();
  hurried_ = true;
  queue_.put(log_record::of(std::move(written)));
  return answer.wait_for(patience) == std::future_status::ready && answer.get();
}

void logger::run() {
  for (;;) {
    // Read first: what was said before the end began is taken then.
    auto last = ending_.load();
    if (auto batch = queue_.take_all()) {
      write(std::move(batch));
      continue;
    }
    if (last)
      return write_lines(); // what was lost meanwhile is said
    queue_.wait();
    if (!ending_ && !hurried_)
      std::this_thread::sleep_for(gathering);
  }
}

void logger::write(log_record::pointer batch) {
  auto layout = layout_.load(std::memory_order_relaxed);
  while (batch) {
    if (auto* waiter = batch->waiter()) {
      write_lines();
      hurried_ = false;
      waiter->set_value(queue_.load().dropped.load() == told_losses_);
    } else {
      batch->append_to(lines_, layout);
      ++line_count_;
      if (lines_.size() >= flush_size)
        write_lines();
    }
    queue_.done(*batch);
    batch = log_queue::next(*batch);
  }
  write_lines();
}

void logger::write_lines() {
  auto& dropped = queue_.load().dropped;
  if (ending_ && clock_.now() > end_by_) {
    dropped += line_count_;
  } else {
    tell_losses();
    dropped += lines_.empty() ? 0 : out_(lines_);
  }
  lines_.clear();
  line_count_ = 0;
}

/// Says how many lines are missing, where the next ones go.
void logger::tell_losses() {
  auto lost = queue_.load().dropped.load();
  if (lost == told_losses_)
    return;
  const log_value count{lost - told_losses_};
  std::string notice;
  append_log_line(notice, layout_.load(std::memory_order_relaxed),
                  {clock_.wall(), log_level::warn, "msg=log_lines_lost count={}", {&count, 1}});
  if (out_(notice) == 0)
    told_losses_ = lost;
}

log_ptr make_logger(const config::log& settings) {
  // Lines that stderr does not take are lost: there is no other place to complain at.
  return std::make_shared<logger>(
    settings, [out = line_writer{STDERR_FILENO}](std::string_view lines) mutable {
      return out.write(lines);
    });
}

} // namespace proxy
