#include "actors/loop/task/frame_pool.hpp"

#include <array>
#include <new>
#include <utility>

namespace proxy {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool pooling = false; // the sanitizer must see every frame come and go
#else
constexpr bool pooling = true;
#endif

constexpr size_t size_step = 64;
constexpr size_t classes = 32;  ///< Frames of up to 2 KiB.
constexpr size_t max_kept = 64; ///< Of each class: bursts are served, memory is not hoarded.

struct free_frame {
  free_frame* next;
};

struct pool {
  struct list {
    free_frame* first = nullptr;
    size_t count = 0;
  };
  std::array<list, classes> lists;

  ~pool() {
    for (auto& l : lists)
      while (l.first)
        ::operator delete(std::exchange(l.first, l.first->next));
  }
};

thread_local pool frames;

size_t class_of(size_t size) { return (size + size_step - 1) / size_step - 1; }

} // namespace

void* allocate_frame(size_t size) {
  auto c = class_of(size);
  if (!pooling || c >= classes)
    return ::operator new(size);
  auto& l = frames.lists[c];
  if (!l.first)
    return ::operator new((c + 1) * size_step);
  --l.count;
  return std::exchange(l.first, l.first->next);
}

void release_frame(void* frame, size_t size) noexcept {
  auto c = class_of(size);
  if (!pooling || c >= classes || frames.lists[c].count >= max_kept) {
    ::operator delete(frame);
    return;
  }
  auto& l = frames.lists[c];
  l.first = new (frame) free_frame{l.first};
  ++l.count;
}

} // namespace proxy
