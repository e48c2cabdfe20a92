#pragma once

#include <string>
#include <string_view>

#include "protocols/http1/decode.hpp"
#include "tests/support/test.hpp"

/// Heads as tests write them, and what becomes of them.

namespace proxy::http1::test {

/// What became of a request head: `errc{}` when it decoded.
inline errc outcome_of_request(std::string_view head, const head_limits& limits = {}) {
  request out;
  auto err = decode_request(head, limits, out);
  return err ? code_of(err) : errc{};
}

/// The same of a response head.
inline errc outcome_of_response(std::string_view head) {
  response out;
  auto err = decode_response(head, {}, false, false, out);
  return err ? code_of(err) : errc{};
}

/// A request with Host and these field lines.
inline std::string with(std::string_view lines, std::string_view version = "1.1") {
  return "POST http://a/ HTTP/" + std::string{version} + "\r\nHost: a\r\n" + std::string{lines} +
         "\r\n";
}

/// A response with these field lines.
inline std::string response_with(std::string_view lines,
                                 std::string_view start = "HTTP/1.1 200 OK") {
  return std::string{start} + "\r\n" + std::string{lines} + "\r\n";
}

} // namespace proxy::http1::test
