#include "actors/hosts_file.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocols/host.hpp"

namespace proxy {

namespace {

constexpr std::string_view blanks = " \t\r\f\v";

/// Takes the next word off the front of a line, "" at its end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  auto word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

void parse_line(std::string_view line, hosts_table& table) {
  line = line.substr(0, line.find('#'));
  auto address = ip_address::parse(next_word(line));
  if (!address)
    return;
  for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
    auto name = host::parse(word);
    if (!name || name->ip())
      continue;
    auto& known = table[name->text()];
    if (known.size() < max_hosts_addresses &&
        std::find(known.begin(), known.end(), *address) == known.end())
      known.push_back(*address);
  }
}

/// @returns what is wrong with the file, "" for nothing.
std::string read_whole(const std::string& path, std::string& text) {
  // O_NONBLOCK: opening a pipe that somebody put there must not hang the loop.
  auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT ? "" : std::strerror(errno);
  struct stat info {};
  std::string fault;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    fault = "not a regular file";
  text.resize(hosts_file::max_bytes + 1);
  size_t size = 0;
  while (fault.empty() && size < text.size()) {
    auto n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      fault = std::strerror(errno);
    if (n <= 0)
      break;
    size += static_cast<size_t>(n);
  }
  ::close(fd);
  if (size > hosts_file::max_bytes)
    fault = "larger than 4 MiB";
  text.resize(fault.empty() ? size : 0);
  return fault;
}

} // namespace

hosts_table parse_hosts(std::string_view text) {
  hosts_table table;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    parse_line(line, table);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return table;
}

const std::vector<ip_address>* hosts_file::find(const std::string& name, steady_time now) {
  if (watch_.changed(now)) {
    std::string text;
    // Names that the file gave before are gone, not stale: whoever broke the file finds out.
    if (auto fault = read_whole(watch_.path(), text); !fault.empty())
      spdlog::warn("hosts file {} is not used: {}", watch_.path(), fault);
    table_ = parse_hosts(text);
  }
  auto at = table_.find(name);
  return at != table_.end() ? &at->second : nullptr;
}

} // namespace proxy
