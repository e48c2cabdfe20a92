#include "actors/loop/system/cores.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "actors/loop/system/platform.hpp"

namespace proxy {

size_t usable_cores() {
  auto cores = std::max<size_t>(1, platform::allowed_cores());
  auto quota = platform::core_quota();
  if (quota > 0)
    cores = std::min(cores, static_cast<size_t>(std::max(1.0, std::ceil(quota))));
  return cores;
}

uint64_t usable_memory() {
  auto machine =
    static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  auto limit = platform::memory_quota();
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
