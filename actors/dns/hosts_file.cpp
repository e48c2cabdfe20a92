#include "actors/dns/hosts_file.hpp"

#include <algorithm>

#include "actors/dns/local_file.hpp"
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
    if (auto fault = read_local_file(watch_.path(), text); !fault.empty() && log_)
      log_->warn("msg=\"the hosts file is not used\" file={} cause={}", quoted_text(watch_.path()),
                 quoted_text(fault));
    table_ = parse_hosts(text);
  }
  auto at = table_.find(name);
  return at != table_.end() ? &at->second : nullptr;
}

} // namespace proxy
