#pragma once

#include <string>
#include <string_view>

#include "tests/actors/flows/stage.hpp"

/// Tunnels that stand, and what goes through them.

namespace proxy::test {

/// A stage with one origin that may be reached by tunnels, and one tunnel to it.
struct tunnelled : stage {
  explicit tunnelled(const std::string& daemon = "");

  void open() {
    who = &tunnel("example.com:443");
    origin = &accept(at);
  }
  /// Says bytes at one end and hears them at the other.
  bool carries(party& from, party& to, const std::string& bytes);

  [[nodiscard]] bool logs(std::string_view words) const {
    return log().find(words) != std::string::npos;
  }

  origin& at = serve_at("93.184.216.34", 443);
  party* who = nullptr;
  party* origin = nullptr;
};

/// Bytes of which no two pieces are alike.
std::string noise(size_t size, uint32_t from);

} // namespace proxy::test
