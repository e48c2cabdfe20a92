#include "actors/control/threads.hpp"

#include <chrono>
#include <exception>
#include <latch>
#include <thread>
#include <vector>

#include "actors/loop/system/platform.hpp"
#include "actors/loop/system/quiet_thread.hpp"

namespace proxy {

namespace {

bool start_and_end(size_t count) {
  std::latch all_there{1};
  std::vector<std::jthread> started; // the end of each waits for its thread
  started.reserve(count);
  auto enough = true;
  try {
    while (started.size() < count)
      started.emplace_back([&] {
        take_no_signals();
        all_there.wait();
      });
  } catch (const std::exception&) { // whatever it is, those that have started wait for the end
    enough = false;
  }
  all_there.count_down();
  return enough;
}

} // namespace

bool can_have_threads(size_t count) {
  auto before = platform::current_threads();
  auto enough = start_and_end(count);
  // The system goes on to count one for a moment after it can be waited for: whoever starts others
  // at once would have fewer.
  for (int patience = 100; platform::current_threads() > before && patience > 0; --patience)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return enough;
}

} // namespace proxy
