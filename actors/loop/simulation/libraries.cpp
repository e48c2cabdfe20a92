#include "actors/loop/simulation/libraries.hpp"

#define OPENSSL_SUPPRESS_DEPRECATED // to give it other chance takes a whole provider otherwise
#include <openssl/rand.h>

#include <dlfcn.h>
#include <sys/time.h>

#include <ctime>

namespace proxy::simulation {

namespace {

thread_local const made_up_time* time_here = nullptr;
thread_local made_up_chance* chance_here = nullptr;

template <class Duration>
timespec to_timespec(Duration since) {
  auto whole = std::chrono::floor<std::chrono::seconds>(since);
  auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since - whole);
  return {static_cast<time_t>(whole.count()), static_cast<long>(rest.count())};
}

int random_bytes(unsigned char* into, int count) {
  if (!chance_here)
    return RAND_OpenSSL()->bytes(into, count);
  for (int i = 0; i < count; ++i)
    into[i] = static_cast<unsigned char>(chance_here->number());
  return 1;
}

int is_seeded() { return 1; }

void use_our_chance() {
  static const RAND_METHOD ours{nullptr, random_bytes, nullptr, nullptr, random_bytes, is_seeded};
  RAND_set_rand_method(&ours);
}

} // namespace

library_world::library_world(const made_up_time& time, made_up_chance& chance)
  : time_before_(time_here), chance_before_(chance_here) {
  use_our_chance();
  time_here = &time;
  chance_here = &chance;
}

library_world::~library_world() {
  time_here = time_before_;
  chance_here = chance_before_;
}

} // namespace proxy::simulation

// In place of the C library's: a program's own functions come first, for its libraries too.

extern "C" {

int clock_gettime(clockid_t which, timespec* out) noexcept {
  using namespace proxy::simulation;
  static const auto of_system =
    reinterpret_cast<int (*)(clockid_t, timespec*)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  if (time_here && which == CLOCK_MONOTONIC) {
    *out = to_timespec(time_here->now().time_since_epoch());
    return 0;
  }
  if (time_here && which == CLOCK_REALTIME) {
    *out = to_timespec(time_here->wall().time_since_epoch());
    return 0;
  }
  return of_system(which, out);
}

time_t time(time_t* out) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out)
    *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

} // extern "C"
