#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/dns/file_watch.hpp"
#include "actors/dns/local_file.hpp"
#include "actors/observe/log/log.hpp"
#include "protocols/ip_address.hpp"

namespace proxy {

/// Normalised name -> its addresses, in the order of the file.
using hosts_table = std::unordered_map<std::string, std::vector<ip_address>>;

/// Addresses of one name that are kept; further ones are ignored.
inline constexpr size_t max_hosts_addresses = 64;

/// Reads hosts(5): an address and names to a line, `#` begins a comment. A line without a strict
/// address (scoped ones too) and a name that is none are passed over, as resolvers do.
[[nodiscard]] hosts_table parse_hosts(std::string_view text);

/// The machine's static names. Read when first asked and again when the file changes, on the loop
/// that asks: the file is local and small, or else refused.
class hosts_file {
public:
  static constexpr size_t max_bytes = max_local_file;

  /// @param path "" for no file.
  /// @param log  Hears of a file that cannot be used; may be null.
  explicit hosts_file(std::string path, log_ptr log = nullptr)
    : watch_(std::move(path)), log_(std::move(log)) {}

  /// @param name Normalised.
  /// @returns nullptr when the file does not know the name; valid until the next call.
  [[nodiscard]] const std::vector<ip_address>* find(const std::string& name, steady_time now);

private:
  file_watch watch_;
  log_ptr log_;
  hosts_table table_;
};

} // namespace proxy
