#pragma once

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "protocols/client_hello.hpp"
#include "tls/leaf_cache.hpp"

/// What a client says first inside a tunnel that ends at the proxy, and the answer to its
/// handshake.

namespace proxy {

/// How a client began inside its tunnel.
struct opening {
  enum class kind : uint8_t {
    gone,   ///< Nothing more is due; `c.end` says why.
    broken, ///< One side has broken off, after the server's words: to be reset.
    late,   ///< It began with something that did not become anything in time.
    hello,
    http,
    unclear, ///< What looks like TLS, or hides what follows.
    other,   ///< Neither TLS nor HTTP, or the end without a word.
  };
  kind what = kind::gone;
  client_hello hello;
  bool words = false;     ///< The server has spoken, and the client was told.
  bool words_end = false; ///< It has ended, and so has our side towards the client.
};

/// Whether what has come can be told. Nothing that could be read must be taken for something else,
/// so what is understood in part waits for the rest.
/// @param over  Nothing follows.
[[nodiscard]] bool tell(client_end& c, opening& out, bool over);

/// One read of a client's first bytes; most hellos fit.
constexpr size_t first_read_size = 4096;

/// Reads more of it into `c.reader.pending`.
io_result take_more(client_end& c);

/// Answers the handshake that begins with `c.reader.pending`; from then on the client's bytes come
/// decrypted.
/// @param known  Where the certificate is looked for, and kept.
task<caf::error> accept_tls(client_session& c, const host& name, tls::leaf_cache& known);

} // namespace proxy
