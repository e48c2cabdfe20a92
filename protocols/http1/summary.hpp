#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// What the fields of a head say about its connection and body, gathered while they are read.
struct summary {
  size_t hosts = 0;
  size_t lengths = 0;
  uint64_t length = 0;
  size_t coding_fields = 0;
  size_t codings = 0;   ///< In all of these.
  bool chunked = false; ///< The only transfer coding is `chunked`.
  size_t options = 0;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool expect_continue = false;
  bool authorization = false;
  std::string_view upgrade_value;
  size_t traceparents = 0;
  std::string_view traceparent;

  /// Lists in what frames the body may have empty elements, and lengths be repeated within one
  /// (RFC 9110 §5.6.1, §8.6): of responses, which are not refused for what cannot be misread.
  bool lenient = false;

  /// @returns nullptr, or why the field cannot stand.
  const char* add(const field& f);

private:
  const char* add_length(std::string_view value);
  const char* add_one_length(std::string_view value);
  void add_coding(std::string_view value);
  const char* add_connection(std::string_view value);
};

} // namespace proxy::http1
