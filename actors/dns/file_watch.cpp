#include "actors/dns/file_watch.hpp"

#include <sys/stat.h>

namespace proxy {

bool file_watch::changed(steady_time now) {
  if (path_.empty() || now < next_look_)
    return false;
  next_look_ = now + interval;
  stamp found;
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0) {
#ifdef __APPLE__
    auto modified = info.st_mtimespec;
#else
    auto modified = info.st_mtim;
#endif
    found = {info.st_dev, info.st_ino, info.st_size,
             int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
  }
  if (found == last_)
    return false;
  last_ = found;
  return true;
}

} // namespace proxy
