#pragma once

#include <string>
#include <string_view>

namespace proxy {

/// Appends a JSON string literal, quotes included. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

} // namespace proxy
