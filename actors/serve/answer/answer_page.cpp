#include "actors/serve/answer/answer_page.hpp"

#include "protocols/utf8.hpp"

namespace proxy {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// Appends a text for HTML; what is no UTF-8 or a control character becomes U+FFFD.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    auto size = utf8_length(text);
    auto c = static_cast<unsigned char>(text[0]);
    if (size == 0 || c < 0x20 || c == 0x7f)
      out += replacement;
    else if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

/// Longest message before it is encoded: clients bound all fields together, often by 8 KiB.
constexpr size_t longest_message = 1024;

} // namespace

void append_page(std::string& out, std::string_view title, std::string_view lead,
                 std::initializer_list<page_row> rows) {
  out += "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
  append_escaped(out, title);
  out += "</title>\n<h1>";
  append_escaped(out, title);
  out += "</h1>\n<p>";
  append_escaped(out, lead);
  out += "</p>\n<dl>\n";
  for (const auto& row : rows) {
    if (row.text.empty())
      continue;
    out += "<dt>";
    append_escaped(out, row.name);
    out += "</dt><dd>";
    append_escaped(out, row.text);
    out += "</dd>\n";
  }
  out += "</dl>\n</html>\n";
}

void append_grpc_message(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  for (auto c : text.substr(0, longest_message)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && byte != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
}

} // namespace proxy
