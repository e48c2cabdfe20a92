#include <dirent.h>

#include <thread>

#include "actors/loop/system/platform.hpp"

namespace proxy::platform {

size_t allowed_cores() noexcept { return std::thread::hardware_concurrency(); }

double core_quota() { return 0; }

double memory_quota() { return 0; }

usage current_usage() {
  usage out;
  auto* folder = ::opendir("/dev/fd");
  if (!folder)
    return out;
  while (auto* entry = ::readdir(folder))
    out.descriptors += entry->d_name[0] != '.';
  ::closedir(folder);
  out.descriptors -= out.descriptors > 0; // the one that lists them
  return out;
}

size_t current_threads() noexcept { return 0; }

} // namespace proxy::platform
