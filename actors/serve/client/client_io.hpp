#pragma once

#include <caf/error.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/client_end.hpp"
#include "protocols/http1/message.hpp"

/// Reading from a client and writing to it, whatever is served to it.

namespace proxy {

/// How a connection is closed once its flow has ended.
enum class closing : uint8_t {
  orderly,
  reset, ///< What the client has must not look whole, or it takes nothing.
};

/// Whether others of the loop are to have their turn before the next request of a client that has
/// sent it already.
/// @param in_a_row  Requests since it last waited; 0 when it begins, and after a turn was given.
[[nodiscard]] bool is_to_give_way(const client_end& c, int& in_a_row) noexcept;

/// What reading a request head came to.
enum class head_status : uint8_t {
  complete,    ///< `text` holds it.
  failed,      ///< An answer is due: `error`.
  socks,       ///< A SOCKS client by its first byte; what was read is in `c.reader.pending`.
  ended,       ///< Nothing more comes, in good order: no answer is due, as with the two below.
  client_gone, ///< It broke off, or ended within a head.
  idle,        ///< It said nothing for too long.
};

/// A request head. Its text stays until the next head is read or the flow suspends, whichever is
/// first.
struct received_head {
  head_status status = head_status::ended;
  std::string_view text;
  caf::error error;
  std::string store; ///< Holds the text when it came in pieces.
};

/// What may come where a request head is awaited.
struct awaited_head {
  bool first = true;  ///< Nothing has been served yet.
  bool stays = false; ///< Even in a drain, as whoever watches it does.
  /// The front end whose configuration says whether SOCKS may come too; none where it cannot.
  std::optional<endpoint> front{};
};

/// Whether a front end takes SOCKS clients.
[[nodiscard]] bool speaks_socks(endpoint front, const config::proxy_config& config) noexcept;

/// Reads one request head (RFC 9112 §2.1); what was read beyond it stays in `c.reader.pending`.
task<> read_head(client_end& c, awaited_head what, received_head& out);

/// Counts a request for which there is too little memory. @returns errc::overloaded, with the
/// limit.
[[nodiscard]] caf::error out_of_memory(client_end& c);

/// What became of bytes that were sent to a client.
enum class sending : uint8_t {
  done,
  client_gone,
  too_slow, ///< It took nothing for `timeouts.idle`, or too little: to be reset.
};

/// Sends all of it. Copies what the socket does not take at once, since the bytes may be in a
/// scratch buffer.
task<sending> send_to_client(client_end& c, std::string_view bytes);

/// Reads and drops the body of a request that is answered without reading it.
/// @returns true when the connection can serve the next request.
task<bool> drain_body(client_end& c, http1::framing framing, uint64_t length);

/// Lets time pass before wrong credentials are answered, so that guessing takes long.
task<> hold_back(client_end& c);

/// Waits, for a short time, until the system has all that was written: whoever ends the process
/// does not wait for what is left over.
task<> write_out(client_end& c);

/// Closes in steps (FIN, then waiting for the client's), so that unread bytes do not reset away our
/// answer.
task<> close_in_steps(client_end& c);

} // namespace proxy
