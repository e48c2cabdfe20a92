#include "tests/simulate/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<int64_t> count{0}; // the log has a thread of its own

void* counted_if(void* made) noexcept {
  if (made)
    count.fetch_add(1, std::memory_order_relaxed);
  return made;
}

void* counted(void* made) {
  if (!made)
    throw std::bad_alloc{};
  return counted_if(made);
}

void uncounted(void* gone) noexcept {
  if (gone)
    count.fetch_sub(1, std::memory_order_relaxed);
  std::free(gone);
}

size_t whole(size_t size, std::align_val_t border) {
  auto to = static_cast<size_t>(border);
  return (size + to - 1) / to * to;
}

} // namespace

void* operator new(size_t size) { return counted(std::malloc(size)); }
void* operator new[](size_t size) { return counted(std::malloc(size)); }
void* operator new(size_t size, std::align_val_t border) {
  return counted(std::aligned_alloc(static_cast<size_t>(border), whole(size, border)));
}
void* operator new[](size_t size, std::align_val_t border) {
  return counted(std::aligned_alloc(static_cast<size_t>(border), whole(size, border)));
}
// A sanitizer has these of its own, which know nothing of those above.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return counted_if(std::malloc(size));
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return counted_if(std::malloc(size));
}
void operator delete(void* gone) noexcept { uncounted(gone); }
void operator delete[](void* gone) noexcept { uncounted(gone); }
void operator delete(void* gone, size_t) noexcept { uncounted(gone); }
void operator delete[](void* gone, size_t) noexcept { uncounted(gone); }
void operator delete(void* gone, const std::nothrow_t&) noexcept { uncounted(gone); }
void operator delete[](void* gone, const std::nothrow_t&) noexcept { uncounted(gone); }
void operator delete(void* gone, std::align_val_t) noexcept { uncounted(gone); }
void operator delete[](void* gone, std::align_val_t) noexcept { uncounted(gone); }
void operator delete(void* gone, size_t, std::align_val_t) noexcept { uncounted(gone); }
void operator delete[](void* gone, size_t, std::align_val_t) noexcept { uncounted(gone); }

namespace proxy::simulate {

int64_t allocations() noexcept { return count.load(std::memory_order_relaxed); }

} // namespace proxy::simulate
