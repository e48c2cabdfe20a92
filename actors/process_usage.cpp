#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "actors/metrics.hpp"

namespace proxy {

namespace {

/// Close enough to the start of the process: read while static objects are made.
const auto started = std::chrono::system_clock::now();

constexpr const char* descriptor_folder = "/proc/self/fd";

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

uint64_t count_descriptors() {
  struct stat info {};
  // Newer kernels tell the number as the folder's size; older ones say 0.
  if (::stat(descriptor_folder, &info) != 0)
    return 0;
  if (info.st_size > 0)
    return static_cast<uint64_t>(info.st_size);
  auto* folder = ::opendir(descriptor_folder);
  if (!folder)
    return 0;
  uint64_t n = 0;
  while (auto* entry = ::readdir(folder))
    n += entry->d_name[0] != '.';
  ::closedir(folder);
  return n - 1; // without the one that lists them
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
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (std::ifstream statm{"/proc/self/statm"}; statm >> total_pages >> resident_pages) {
    auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    out.virtual_bytes = total_pages * page;
    out.resident_bytes = resident_pages * page;
  }
  out.open_descriptors = count_descriptors();
  return out;
}

} // namespace proxy
