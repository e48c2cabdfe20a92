#pragma once

#include <codex/network_proxy.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/actors/embed/heard.hpp"
#include "tests/actors/running_proxy.hpp"

#undef allow // a macro of CAF's tests; deciders say it

namespace proxy::test {

/// How long anything is waited for.
inline constexpr std::chrono::seconds patience{60};

/// A program that embeds proxies: with a home of its own, and an environment that says no more.
struct program {
  /// Wants a proxy at free ports that allows these, and may connect to this machine.
  [[nodiscard]] codex::network_proxy::builder wanting(std::vector<std::string> allowed = {}) const {
    codex::network_proxy::builder out;
    out.config({.allowed_domains = std::move(allowed), .allow_local_binding = true})
      .environment(variables())
      .managed_by_codex()
      .workers(2);
    return out;
  }
  [[nodiscard]] std::map<std::string, std::string> variables() const {
    return {{"CODEX_HOME", home.at("")}};
  }

  /// Both fail the test where there is nothing to be had.
  static codex::network_proxy built(codex::network_proxy::builder& wanted) {
    auto out = wanted.build();
    if (!out)
      CAF_FAIL("not built: " << out.error().message);
    return std::move(*out);
  }
  static codex::network_proxy::handle running(codex::network_proxy::builder& wanted) {
    auto out = built(wanted).run();
    if (!out)
      CAF_FAIL("not run: " << out.error().message);
    return std::move(*out);
  }

  config::test::folder home;
};

/// The code of an answer's status line; "" when there is none.
inline std::string status_in(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::string{answer.substr(9, 3)} : std::string{};
}

/// What becomes of a request for a page. An upstream that lets nobody in is 502.
inline std::string status_of_get(const std::string& proxy_address, const std::string& authority,
                                 const std::string& method = "GET") {
  return status_in(get(proxy_address, authority, method));
}

/// What becomes of a request for a tunnel.
inline std::string status_of_connect(const std::string& proxy_address,
                                     const std::string& authority) {
  return status_in(open_tunnel(proxy_address, authority).second);
}

/// Where nobody listens.
inline std::string nobody() { return "127.0.0.1:" + std::to_string(closed_port()); }

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

} // namespace proxy::test
