#include "actors/cores.hpp"

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

/// The tightest quota on the way from this process's cgroup up to the root.
double tightest_quota() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  double tightest = 0;
  while (std::getline(file, line)) {
    if (line.rfind("0::", 0) != 0)
      continue;
    for (auto path = line.substr(3);;) {
      auto quota = quota_of("/sys/fs/cgroup" + (path == "/" ? "" : path));
      if (quota > 0 && (tightest == 0 || quota < tightest))
        tightest = quota;
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
  auto quota = tightest_quota();
  if (quota > 0)
    cores = std::min(cores, static_cast<size_t>(std::max(1.0, std::ceil(quota))));
  return cores;
}

} // namespace proxy
