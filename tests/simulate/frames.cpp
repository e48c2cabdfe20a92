#include "tests/simulate/frames.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <new>
#include <unordered_map>
#include <utility>

#include "actors/loop/task/frame_pool.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy {

namespace {

constexpr char poison = '\x5b';
constexpr size_t most_kept = 512;

struct watched {
  std::unordered_map<void*, size_t> in_use;
  std::deque<std::pair<char*, size_t>> released;
  const char* fault = nullptr;

  void forget_oldest() {
    auto [frame, size] = released.front();
    released.pop_front();
    if (!std::all_of(frame, frame + size, [](char c) { return c == poison; }))
      fault = "a coroutine's frame was written to after its end";
    ::operator delete(frame);
  }
};

/// Never destroyed: frames come and go until the end.
watched& frames() {
  static thread_local auto* all = new watched;
  return *all;
}

} // namespace

void* allocate_frame(size_t size) {
  auto* made = ::operator new(size);
  frames().in_use.emplace(made, size);
  return made;
}

void release_frame(void* frame, size_t size) noexcept {
  auto& all = frames();
  if (all.in_use.erase(frame) == 0) {
    all.fault = "a coroutine's frame was released twice";
    return;
  }
  std::memset(frame, poison, size);
  all.released.emplace_back(static_cast<char*>(frame), size);
  if (all.released.size() > most_kept)
    all.forget_oldest();
}

namespace simulate {

size_t frames_in_use() { return frames().in_use.size(); }

void check_frames() {
  if (const auto* what = std::exchange(frames().fault, nullptr))
    demand(false, what);
}

void forget_frames() {
  while (!frames().released.empty())
    frames().forget_oldest();
  check_frames();
}

} // namespace simulate

} // namespace proxy
