#include "policy/server_name.hpp"

#include "protocols/error.hpp"

namespace proxy::policy {

caf::error check_server_name(const host& tunnel, std::string_view server_name) {
  if (server_name.empty() || server_name == tunnel.text())
    return {};
  auto named = host::parse(server_name);
  if (named && *named == tunnel)
    return {};
  return caf::make_error(errc::misdirected,
                         "the server name " +
                           (named ? "names " + named->in_url() : std::string{"is no host"}) +
                           ", the tunnel leads to " + tunnel.in_url());
}

} // namespace proxy::policy
