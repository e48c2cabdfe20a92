#include "actors/net/own_socket_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace proxy {

namespace {

struct entry {
  std::string path;
  file_id file;
};

struct list {
  std::mutex lock;
  std::vector<entry> entries;
};

list& all() {
  static list files;
  return files;
}

bool is_in_place_at(const std::string& path, const file_id& file) {
  struct stat info {};
  return !path.empty() && ::lstat(path.c_str(), &info) == 0 &&
         file == file_id{info.st_dev, info.st_ino};
}

} // namespace

own_socket_file::own_socket_file(std::string path) : path_(std::move(path)) {
  struct stat info {};
  if (::lstat(path_.c_str(), &info) != 0)
    info = {}; // it has gone already: its name remains
  file_ = {info.st_dev, info.st_ino};
  std::lock_guard guard{all().lock};
  all().entries.push_back({path_, file_});
}

own_socket_file& own_socket_file::operator=(own_socket_file&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

own_socket_file::~own_socket_file() {
  if (path_.empty())
    return;
  std::lock_guard guard{all().lock};
  auto& entries = all().entries;
  if (auto at = std::ranges::find(entries, path_, &entry::path); at != entries.end())
    entries.erase(at);
}

bool own_socket_file::is_in_place() const { return is_in_place_at(path_, file_); }

void remove_own_socket_files() {
  std::lock_guard guard{all().lock};
  for (const auto& each : all().entries)
    if (is_in_place_at(each.path, each.file))
      ::unlink(each.path.c_str());
}

bool is_own_socket(const file_id& file) {
  std::lock_guard guard{all().lock};
  return std::ranges::find(all().entries, file, &entry::file) != all().entries.end();
}

bool is_own_socket(std::string_view bound_path) {
  std::lock_guard guard{all().lock};
  return std::ranges::find(all().entries, bound_path, &entry::path) != all().entries.end();
}

} // namespace proxy
