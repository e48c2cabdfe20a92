#pragma once

#include <cstdint>

#include "protocols/http1/message.hpp"

namespace proxy {

/// What an answer of ours looks like, so that whoever asked can show it.
enum class answer_form : uint8_t {
  usual, ///< Refusals: JSON, text for CONNECT. Faults: text.
  text,  ///< What CONNECT gets, for those who show nothing else: git prints "remote: …".
  html,  ///< A small page, for those who ask for one.
  visit, ///< The same for who took our port for a web site.
  grpc,  ///< Nothing but the fields that gRPC reads (trailers-only).
};

/// What a request can make of an answer, by what it says of itself and of what it takes
/// (RFC 9110 §12.5.1).
[[nodiscard]] answer_form form_for(const http1::request& req) noexcept;

/// The same for a head as received; the usual where it cannot be read.
[[nodiscard]] answer_form form_for(std::string_view head);

} // namespace proxy
