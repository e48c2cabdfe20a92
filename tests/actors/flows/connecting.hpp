#pragma once

#include <string>

#include "tests/actors/flows/stage.hpp"

/// Clients that send a CONNECT.

namespace proxy::test {

inline std::string connect(const std::string& authority, const std::string& more = "") {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n" + more + "\r\n";
}

/// A stage on which some names and literals are allowed.
struct world_of_names : stage {
  explicit world_of_names(const std::string& daemon = "")
    : stage{{.network = "allowed_domains = [\"example.com\", \"*.example.com\", \"93.184.216.34\", "
                        "\"2606:4700::1\"]",
             .daemon = daemon}} {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  }

  /// Waits for the answer to what a client has said. @returns its status line.
  std::string answer(party& to, std::chrono::nanoseconds span = 30s) {
    (void)hears(to, "\r\n\r\n", span);
    return to.text.substr(0, to.text.find("\r\n"));
  }
};

} // namespace proxy::test
