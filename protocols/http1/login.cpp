#include "protocols/http1/login.hpp"

#include <algorithm>

#include "protocols/http1/grammar.hpp"
#include "protocols/known_word.hpp"

namespace proxy::http1 {

namespace {

constexpr std::string_view connection_schemes[] = {"ntlm",     "negotiate", "nego2",   "negoexts",
                                                   "kerberos", "pku2u",     "credssp", "spnego",
                                                   "gssapi",   "livessp"};

/// Looks at every word that could be a scheme: the first of the value, and those behind commas
/// (challenges make lists). A word inside a quoted string may be taken for one; that costs a
/// connection and no more.
bool names_scheme(std::string_view value) noexcept {
  bool found = false;
  for_each_element(value, [&](std::string_view element) {
    if (element.starts_with('"'))
      element.remove_prefix(1);
    auto end = std::ranges::find_if_not(element, is_token_char);
    auto word = element.substr(0, static_cast<size_t>(end - element.begin()));
    found |= std::ranges::any_of(
      connection_schemes, [&](auto scheme) { return ascii::equals_ignoring_case(word, scheme); });
  });
  return found;
}

} // namespace

bool is_connection_login(const field& f) noexcept {
  switch (f.name.size()) {
    case 13: return ascii::is<"authorization">(f.name) && names_scheme(f.value);
    case 16: return ascii::is<"www-authenticate">(f.name) && names_scheme(f.value);
    default: return false;
  }
}

bool has_connection_login(const head& h) noexcept {
  return std::ranges::any_of(h.fields, is_connection_login);
}

} // namespace proxy::http1
