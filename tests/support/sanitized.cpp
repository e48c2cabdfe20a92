// What makes short-lived programs quick under the sanitizer of addresses.
#include <pthread.h>

#include <cstddef>

#ifdef __GLIBC__
namespace {

/// The shadow of a thread's stack is cleared as the thread begins and as it ends: that of eight
/// megabytes takes longer than many a test.
[[maybe_unused]] const auto small_stacks = [] {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size_t{1} << 20);
  auto failed = pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  return failed;
}();

} // namespace
#endif

/// A test lasts for milliseconds: what it has freed need not be kept apart by the hundred
/// megabytes, each of which costs new pages.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=16:thread_local_quarantine_size_kb=64:"
         "allocator_release_to_os_interval_ms=-1:max_malloc_fill_size=0:malloc_context_size=5:"
         "use_sigaltstack=0";
}
