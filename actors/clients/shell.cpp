#include "actors/clients/shell.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"

namespace proxy {

namespace {

bool is_plain(char c) {
  return ascii::is_alpha(c) || ascii::is_digit(c) ||
         std::string_view{"-_./:,=@%+"}.find(c) != std::string_view::npos;
}

} // namespace

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (auto c : text)
    out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + '\'';
}

std::string shell_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_plain) ? std::string{text}
                                                              : shell_quoted(text);
}

} // namespace proxy
