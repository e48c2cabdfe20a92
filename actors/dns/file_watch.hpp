#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "actors/loop/timer_wheel.hpp"

namespace proxy {

/// Notices that a file was edited, replaced, made or removed, by asking the file system now and
/// then.
class file_watch {
public:
  /// The file system is asked at most this often.
  static constexpr std::chrono::seconds interval{1};

  file_watch() = default; ///< Watches nothing.
  explicit file_watch(std::string path) : path_(std::move(path)) {}

  /// Whether the file differs from what it was at the call before; at first, whether it exists.
  [[nodiscard]] bool changed(steady_time now);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
  struct stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const stamp&, const stamp&) = default;
  };

  std::string path_;
  stamp last_;
  steady_time next_look_{};
};

} // namespace proxy
