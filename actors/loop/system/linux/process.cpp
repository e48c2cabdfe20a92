#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <string>
#include <thread>

#include "actors/loop/system/platform.hpp"

namespace proxy::platform {

namespace {

constexpr const char* descriptor_folder = "/proc/self/fd";

/// `cpu.max` of one cgroup (v2): "QUOTA PERIOD" or "max PERIOD". @returns 0 for no limit.
double quota_of(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  try {
    return std::stod(quota) / period;
  } catch (const std::exception&) {
    return 0;
  }
}

/// `memory.max` of one cgroup (v2): bytes, or "max". @returns 0 for no limit.
double memory_of(const std::string& folder) {
  std::ifstream file(folder + "/memory.max");
  double bytes = 0;
  return file >> bytes ? bytes : 0;
}

/// The tightest limit on the way from this process's cgroup up to the root; 0 for none.
template <class Limit>
double tightest(Limit limit_of) {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  double tightest = 0;
  while (std::getline(file, line)) {
    if (line.rfind("0::", 0) != 0)
      continue;
    for (auto path = line.substr(3);;) {
      auto limit = limit_of("/sys/fs/cgroup" + (path == "/" ? "" : path));
      if (limit > 0 && (tightest == 0 || limit < tightest))
        tightest = limit;
      if (path.empty() || path == "/")
        break;
      path.resize(path.rfind('/'));
    }
  }
  return tightest;
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

size_t allowed_cores() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<size_t>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();
}

double core_quota() { return tightest(quota_of); }

double memory_quota() { return tightest(memory_of); }

usage current_usage() {
  usage out;
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  if (std::ifstream statm{"/proc/self/statm"}; statm >> total_pages >> resident_pages) {
    auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    out.virtual_bytes = total_pages * page;
    out.resident_bytes = resident_pages * page;
  }
  out.descriptors = count_descriptors();
  return out;
}

size_t current_threads() noexcept {
  struct stat info {};
  // A folder with one folder a thread, and as each has a link for itself and one for its parent's.
  if (::stat("/proc/self/task", &info) != 0 || info.st_nlink < 2)
    return 0;
  return static_cast<size_t>(info.st_nlink) - 2;
}

} // namespace proxy::platform
