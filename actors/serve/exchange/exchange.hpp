#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/serve/answer/answer_form.hpp"
#include "actors/serve/decide/pass.hpp"
#include "policy/upstream_proxy.hpp"
#include "protocols/http1/message.hpp"

namespace proxy {

/// What a request asks for, taken out of its head: nothing here points into a buffer.
struct exchange {
  policy::target target;
  std::string head; ///< Rewritten, ready to be sent upstream.
  /// Via lines of that head, for a CONNECT of our own that goes before it.
  std::string via_lines;
  std::string offered; ///< Protocols to switch to, as they are offered upstream; "" for none.
  std::vector<std::string> held_back; ///< Names that its trailers must not carry.
  http1::framing body = http1::framing::none;
  uint64_t content_length = 0;
  /// Set once the policy has let it through: owns what the rest of this points to. With the head as
  /// it came, where there is one, to be judged by a newer policy.
  std::optional<pass> granted;
  std::optional<socket_pass> to_socket;        ///< The same for a unix socket.
  const policy::upstream_proxy* via = nullptr; ///< Goes through this proxy; lives in `granted`.
  std::string spare;                           ///< Memory for the head that a pass keeps.
  bool recorded = false;                       ///< Its admission is counted and audited.
  bool logs_in = false;    ///< Its credentials are those of the connection (RFC 4559).
  bool to_head = false;    ///< HEAD.
  bool idempotent = false; ///< RFC 9110 §9.2.2
  bool client_1_0 = false;
  bool keep_alive = false;
  bool upgrade = false; ///< Asks for what is `offered`.
  bool expects_continue = false;
  bool wrong_login = false; ///< It showed credentials, and they are nobody's.
  /// Of a request that is not passed on; others are asked by `received` when it comes to that.
  answer_form form = answer_form::usual;

  /// The head as it came; "" when nothing was granted, or what has no head.
  [[nodiscard]] const std::string& received() const noexcept {
    return granted ? granted->head() : to_socket ? to_socket->head() : spare;
  }
  /// The same, for its memory.
  [[nodiscard]] std::string take_received() noexcept {
    return granted ? granted->take_head() : to_socket ? to_socket->take_head() : std::move(spare);
  }
};

} // namespace proxy
