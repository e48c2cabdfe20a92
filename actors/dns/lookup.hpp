#pragma once

#include <caf/expected.hpp>
#include <map>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// Asks the name servers of a configuration, as the proxy would. Blocks.
/// @param name  Normalised.
/// @returns an answer, errc::dns_error or errc::dns_timeout.
[[nodiscard]] caf::expected<dns_answer> look_up(const config::proxy_config& config,
                                                const std::string& name);

/// Answers that are given beforehand, by normalised name.
class canned_answers {
public:
  /// Reads `name=ip[,ip…]` for each entry.
  /// @returns errc::malformed naming the entry.
  [[nodiscard]] static caf::expected<canned_answers> parse(const std::vector<std::string>& entries);

  [[nodiscard]] bool empty() const noexcept { return answers_.empty(); }

  /// Search domains are added as for a look-up.
  /// @returns errc::dns_error for a name that is not listed.
  [[nodiscard]] caf::expected<dns_answer> find(const std::string& name,
                                               const config::proxy_config& config) const;

private:
  std::map<std::string, std::vector<ip_address>> answers_;
};

} // namespace proxy
