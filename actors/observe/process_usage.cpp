#include <sys/resource.h>

#include <chrono>

#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/platform.hpp"
#include "actors/observe/metrics.hpp"

namespace proxy {

namespace {

/// Close enough to the start of the process: read while static objects are made.
const auto started = this_machine().clock.wall();

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

} // namespace

process_usage current_usage() {
  process_usage out;
  out.start_time_seconds = std::chrono::duration<double>(started.time_since_epoch()).count();
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    out.cpu_seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.max_descriptors = limit.rlim_cur;
  auto now = platform::current_usage();
  out.virtual_bytes = now.virtual_bytes;
  out.resident_bytes = now.resident_bytes;
  out.open_descriptors = now.descriptors;
  return out;
}

} // namespace proxy
