#pragma once

#include "actors/network_proxy.hpp"
#include "tests/config/support.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/test.hpp"

#include <memory>
#include <mutex>
#include <utility>

namespace proxy::test {

/// A whole proxy in this process, on the sockets of the system: what its embedder has.
struct running_proxy {
  /// @param network  Lines of the network table, beside those that all have.
  /// @param daemon   Lines of [network_proxy]; without any there is no admin API.
  std::string configure(const std::string& network = "",
                        const std::string& daemon = "admin_url = \"\"\n") const {
    return home.write("config.toml", config::test::newer("enabled = true\n"
                                                         "proxy_url = \"http://127.0.0.1:0\"\n"
                                                         "socks_url = \"http://127.0.0.1:0\"\n"
                                                         "allow_local_binding = true\n"
                                                         "allow_upstream_proxy = false\n" +
                                                         network) +
                                       "[network_proxy]\nworkers = 2\n" + daemon);
  }
  [[nodiscard]] config::sources sources() const {
    auto from = home.from();
    from.log_level = "off";
    return from;
  }
  std::variant<network_proxy, start_failure> try_start(abilities can = {}) {
    return network_proxy::start({sources(),
                                 [told = failures](const std::string& why) {
                                   std::lock_guard guard{told->lock};
                                   told->all.push_back(why);
                                 },
                                 std::move(can),
                                 {},
                                 {}});
  }
  network_proxy start(abilities can = {}) {
    auto started = try_start(std::move(can));
    if (auto* failure = std::get_if<start_failure>(&started))
      CAF_FAIL("not started: " << (failure->problems.empty() ? "" : failure->problems[0].str()));
    return std::get<network_proxy>(std::move(started));
  }
  /// What the owner was told of.
  [[nodiscard]] std::vector<std::string> told() const {
    std::lock_guard guard{failures->lock};
    return failures->all;
  }

  struct told_failures {
    std::mutex lock;
    std::vector<std::string> all;
  };

  config::test::folder home;
  std::shared_ptr<told_failures> failures = std::make_shared<told_failures>();
};

/// Asks for a page by its absolute name. @returns the whole answer.
inline std::string get(const std::string& proxy_address, const std::string& authority,
                       const std::string& method = "GET") {
  auto client = connect_to(proxy_address);
  if (!client.send(method + " http://" + authority + "/ HTTP/1.1\r\nHost: " + authority +
                   "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    return {};
  return client.rest();
}

/// Asks for a tunnel. @returns the client, and the status line it got.
inline std::pair<peer, std::string> open_tunnel(const std::string& proxy_address,
                                                const std::string& authority) {
  auto client = connect_to(proxy_address);
  (void)client.send("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
  auto head = client.read_until("\r\n\r\n");
  return {std::move(client), head.substr(0, head.find('\r'))};
}

} // namespace proxy::test
