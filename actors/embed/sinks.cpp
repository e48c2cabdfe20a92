#include "actors/embed/sinks.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "actors/embed/translate.hpp"

namespace proxy::embed {

namespace {

/// Pieces of up to 64 KiB that wait for a slow sink.
constexpr size_t max_waiting_pieces = 64;
constexpr size_t max_waiting_refusals = 10'000;

size_t count_lines(std::string_view lines) {
  return static_cast<size_t>(std::ranges::count(lines, '\n'));
}

void hand_over(std::string_view lines, const std::function<void(std::string_view)>& to) {
  while (!lines.empty()) {
    auto end = std::min(lines.find('\n'), lines.size());
    try {
      to(lines.substr(0, end));
    } catch (...) { // the next line is another one
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

} // namespace

line_taker sinks::add_lines(std::function<void(std::string_view)> lines) {
  auto thread = threads_.emplace_back(std::make_shared<callback_pool>(1, max_waiting_pieces));
  auto to = std::make_shared<const std::function<void(std::string_view)>>(std::move(lines));
  return [thread, to](std::string_view what) -> size_t {
    auto taken = thread->post([to, piece = std::string{what}] { hand_over(piece, *to); });
    return taken ? 0 : count_lines(what);
  };
}

std::function<void(const decision_event_ptr&)>
sinks::add_observer(std::function<void(const codex::blocked_request&)> observe) {
  auto thread = threads_.emplace_back(std::make_shared<callback_pool>(1, max_waiting_refusals));
  auto to =
    std::make_shared<const std::function<void(const codex::blocked_request&)>>(std::move(observe));
  return [thread, to](const decision_event_ptr& refusal) {
    (void)thread->post([to, refusal] { (*to)(translate(*refusal)); });
  };
}

void sinks::end(callback_pool::clock::time_point deadline) noexcept {
  for (auto& thread : threads_) {
    (void)thread->drain(deadline);
    thread->end(deadline);
  }
}

} // namespace proxy::embed
