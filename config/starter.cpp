#include "config/load.hpp"

namespace proxy::config {

std::string_view starter_config() noexcept {
  return R"(# codex-network-proxy: what this machine's tools may reach.
# `codex-network-proxy check` reads this file and says what is wrong with it;
# `codex-network-proxy explain https://example.com/` tells what would happen to a request.
# After a change: `kill -HUP` the daemon, or POST /reload to its admin API. No restart is needed.

# The profile in force. A profile of another name can stand beside it in the same file.
default_permissions = "default"

[permissions.default.network]
enabled = true

# "full" lets any method through, "limited" only GET, HEAD and OPTIONS (and no tunnels).
mode = "full"

# What may be reached. Nothing else may.
#   "example.com"      this host
#   "*.example.com"    hosts below it, at any depth, but not example.com itself
#   "**.example.com"   both
#   "example.com:443"  on this port only
#   "192.0.2.7", "198.51.100.0/24"   addresses and networks
allowed_domains = [
  "example.com",
  # "**.github.com",
]

# What may not, whatever the list above says.
denied_domains = []

# Private and loopback addresses stay out of reach, also behind an allowed name. To reach one, list it by its
# literal ("127.0.0.1", "10.1.2.3") or "localhost" above; this opens all of them:
# allow_local_binding = true

# Where clients connect: HTTP_PROXY and HTTPS_PROXY point here. `codex-network-proxy env` prints the variables.
# proxy_url = "http://127.0.0.1:3128"
# socks_url = "http://127.0.0.1:8081"   # SOCKS5; enable_socks5 = false turns it off

# How the daemon runs. `codex-network-proxy check --help` lists every key.
[network_proxy]
# admin_url = "http://127.0.0.1:8080"   # "" turns the admin API off
# shutdown_grace = "10s"

[network_proxy.log]
# level = "info"
# access = true   # one line per connection
)";
}

} // namespace proxy::config
