#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy {

/// What a client begins to speak inside a tunnel.
enum class first_bytes : uint8_t {
  undecided, ///< More has to come.
  tls,       ///< A record of TLS, or a hello of SSL 2: for `decode_client_hello` to understand.
  http,      ///< A line that some server takes for an HTTP request: for `decode_request` to judge.
  wrapped,   ///< A preface of the PROXY protocol, behind which anything may follow.
  other,
};

/// Longest beginning that can stay undecided. What is no clearer by then counts as `http`, which
/// has limits of its own.
inline constexpr size_t max_undecided_bytes = 8 * 1024;

/// Tells by the first bytes of a connection what they are. It asks what a lenient server might take
/// them for, not what is correct: whoever calls something `other` need not read it, so anything
/// that comes near TLS or HTTP must not be. An HTTP request line is one that names `HTTP/`, in any
/// case and behind any blanks, or the line of HTTP/0.9.
/// @param over  Nothing follows.
/// @returns `undecided` only while `over` is false; with no bytes at all `over` makes it `other`.
[[nodiscard]] first_bytes tell_first_bytes(std::string_view in, bool over = false) noexcept;

} // namespace proxy
