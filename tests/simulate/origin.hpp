#pragma once

#include <list>

#include "tests/simulate/wire_end.hpp"

namespace proxy::simulate {

/// An origin: answers `GET /ID/SIZE` with so many bytes of that number, takes `POST /ID/SIZE` and
/// looks at every byte, on port 80; sends back what it is sent on port 7.
class origin {
public:
  origin(simulation::node& on, ip_address at);

  void step();
  [[nodiscard]] const ip_address& address() const { return at_; }
  /// Ends all connections at once.
  void break_off();

private:
  struct session {
    session(simulation::node& on, int fd, bool echoing) : end(on, fd), echoes(echoing) {}
    wire_end end;
    bool echoes;
    // Of a request whose body is coming:
    uint64_t id = 0, expected = 0, got = 0;
    bool in_body = false;
  };

  void take(int listener, bool echoes);
  void serve(session& s);
  void begin_request(session& s, std::string_view head);

  simulation::node& on_;
  ip_address at_;
  int http_ = -1, echo_ = -1;
  std::list<session> sessions_;
};

} // namespace proxy::simulate
