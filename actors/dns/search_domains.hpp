#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/proxy_config.hpp"
#include "protocols/host.hpp"

namespace proxy {

/// Under which names a name without a dot is looked for (resolv.conf(5), as glibc takes it).
struct search_domains {
  std::vector<std::string> domains; ///< Normalised; "" is the root: the name as it stands.
  bool as_written_first = false;    ///< ndots:0
  bool as_written_last = true;      ///< Not with no-tld-query.
  friend bool operator==(const search_domains&, const search_domains&) = default;
};

/// More of them are not asked, each costs a look-up.
inline constexpr size_t max_search_domains = 32;

/// Reads the search list of a resolv.conf. Domains that are none are passed over.
/// @param local_domain  LOCALDOMAIN of the environment, which stands in place of the file's list.
/// @param res_options   RES_OPTIONS, which are added to the file's options.
/// @param host_name     Its domain is searched where nothing else is said.
[[nodiscard]] search_domains parse_search_domains(std::string_view resolv_conf,
                                                  const std::optional<std::string>& local_domain,
                                                  std::string_view res_options,
                                                  std::string_view host_name);

/// The same of this machine, as settings say; empty when they say that nothing is searched.
[[nodiscard]] search_domains system_search_domains(const config::dns& settings);

/// What is asked for a name, in this order until one has an address. Names that are too long are
/// left out.
[[nodiscard]] std::vector<std::string> names_to_try(const search_domains& search,
                                                    const std::string& name);

/// How the resolver is asked for a host: its name, with the dot at its end where that keeps search
/// domains away.
[[nodiscard]] std::string question_for(const host& name);

} // namespace proxy
