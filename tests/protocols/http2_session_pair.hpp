#pragma once

#include "protocols/http2/session.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

inline constexpr std::string_view get_x = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr std::string_view post =
  "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

inline std::string read_all(http2::stream& s) {
  std::string out, buffer(1000, '\0');
  while (auto size = s.read(buffer))
    out.append(buffer, 0, size);
  return out;
}

/// Two sessions whose bytes go straight to each other.
struct session_pair {
  session_pair() { settle(); }

  /// Lets bytes go back and forth until nobody has any.
  void settle() {
    for (bool moved = true; moved;) {
      moved = carry(client, server);
      moved |= carry(server, client);
    }
  }

  static bool carry(http2::session& from, http2::session& to) {
    bool moved = false;
    for (auto bytes = from.output(); !bytes.empty(); bytes = from.output()) {
      CAF_CHECK(!to.receive(bytes));
      moved = true;
    }
    return moved;
  }

  /// Opens a stream and sends a request on it. @returns both ends.
  std::pair<http2::stream*, http2::stream*> exchange(std::string_view request) {
    auto* near = client.open();
    CAF_REQUIRE(near != nullptr);
    CAF_REQUIRE(near->write(request) == request.size());
    settle();
    auto* far = server.accept();
    CAF_REQUIRE(far != nullptr);
    return {near, far};
  }

  http2::session client{http2::role::client, {}};
  http2::session server{http2::role::server, {}};
};

} // namespace proxy::test
