#pragma once

#include <list>
#include <optional>
#include <string>

#include "tests/simulate/h2_service.hpp"
#include "tests/simulate/judge.hpp"
#include "tests/simulate/message.hpp"
#include "tests/support/party.hpp"

namespace proxy::simulate {

/// An origin: answers `GET /ID/SIZE/FRAMING` with so many bytes of that number, framed as is asked
/// for, takes `POST /ID/SIZE/…` and looks at every byte, on port 80 and, in TLS, on port 443; sends
/// back what it is sent on port 7, and each datagram on port 9. Most speak HTTP/2 as well.
class origin {
public:
  /// @param name  Of its host.
  origin(simulation::node& on, ip_address at, std::string name, judge& sees, bool calm);

  void step();
  [[nodiscard]] const ip_address& address() const { return at_; }
  /// Ends all connections at once.
  void break_off();

private:
  enum class kind : uint8_t { clear, secure, echo };

  /// An upload that comes.
  struct incoming {
    uint64_t id, size;
    body_reader body;
    uint64_t got = 0;
  };

  struct session {
    session(simulation::node& on, int fd, kind as) : end(on), is(as) { end.take(fd); }
    test::party end;
    kind is;
    std::optional<h2_service> h2;
    uint64_t since = 0; ///< Where what it has not read yet began, of all that came.
    std::optional<incoming> upload;
    bool last = false;     ///< It has said its last: no request may follow.
    bool declines = false; ///< An upload that may be under way already.
  };

  void take(int listener, kind as);
  void take_datagrams();
  void serve(session& s);
  void echo(session& s);
  /// @returns whether it is whole.
  [[nodiscard]] bool take_upload(session& s);
  void begin_request(session& s, const std::string& head);
  void answer(session& s, uint64_t id, uint64_t size, char how);
  void check_target(const session& s, std::string_view host, bool changes_nothing, bool forwarded);

  simulation::node& on_;
  ip_address at_;
  std::string name_;
  judge& judge_;
  bool calm_;
  tls::alpn speaks_; ///< In TLS.
  int http_ = -1, https_ = -1, echo_ = -1, udp_ = -1;
  std::list<session> sessions_;
};

} // namespace proxy::simulate
