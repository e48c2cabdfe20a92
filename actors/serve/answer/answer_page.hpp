#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace proxy {

/// One line of a page: what it is, and what it says. Empty texts are left out.
struct page_row {
  std::string_view name;
  std::string_view text;
};

/// Appends a small page that needs nothing but itself. All texts are escaped.
void append_page(std::string& out, std::string_view title, std::string_view lead,
                 std::initializer_list<page_row> rows);

/// Appends a text as `grpc-message` has it: percent-encoded, in printable ASCII, and no longer than
/// clients take.
void append_grpc_message(std::string& out, std::string_view text);

} // namespace proxy
