#pragma once

#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// NTLM and Negotiate log a connection in, not a request (RFC 4559 §6): what comes on it afterwards
/// is that user's, with or without credentials of its own.

/// Whether a field of a request, or of a response, has to do with such a login.
[[nodiscard]] bool is_connection_login(const field& f) noexcept;

/// Whether any field of a message has.
[[nodiscard]] bool has_connection_login(const head& h) noexcept;

} // namespace proxy::http1
