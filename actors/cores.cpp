#include "actors/cores.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace proxy {

namespace {

size_t allowed_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<size_t>(CPU_COUNT(&set));
#endif
  return std::thread::hardware_concurrency();
}

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

} // namespace

size_t usable_cores() {
  auto cores = std::max<size_t>(1, allowed_cores());
  auto quota = tightest(quota_of);
  if (quota > 0)
    cores = std::min(cores, static_cast<size_t>(std::max(1.0, std::ceil(quota))));
  return cores;
}

uint64_t usable_memory() {
  auto machine =
    static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  auto limit = tightest(memory_of);
  return static_cast<uint64_t>(limit > 0 ? std::min(limit, machine) : machine);
}

uint64_t usable_descriptors() {
  rlimit files{};
  constexpr uint64_t plenty = 1 << 20;
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
    return plenty;
  return files.rlim_cur;
}

uint64_t clients_for(uint64_t descriptors) {
  auto others = std::min<uint64_t>(descriptors / 4, 128);
  return std::max<uint64_t>(1, (descriptors - others) / 2);
}

} // namespace proxy
