#include "policy/query.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"

namespace proxy::policy {

std::optional<char> form_reader::next() noexcept {
  if (rest_.empty())
    return std::nullopt;
  auto c = rest_.front();
  size_t taken = 1;
  if (c == '+') {
    c = ' ';
  } else if (c == '%' && rest_.size() > 2) {
    auto high = ascii::digit_value(rest_[1]);
    auto low = ascii::digit_value(rest_[2]);
    if (high <= 15 && low <= 15) {
      c = static_cast<char>(high * 16 + low);
      taken = 3;
    }
  }
  rest_.remove_prefix(taken);
  return c;
}

bool decodes_to(std::string_view encoded, std::string_view text) noexcept {
  form_reader bytes{encoded};
  for (auto expected : text)
    if (bytes.next() != expected)
      return false;
  return !bytes.next();
}

std::optional<query_parameter> take_parameter(std::string_view& query) noexcept {
  query.remove_prefix(std::min(query.find_first_not_of('&'), query.size()));
  if (query.empty())
    return std::nullopt;
  auto one = query.substr(0, query.find('&'));
  query.remove_prefix(one.size());
  auto equals = std::min(one.find('='), one.size());
  return query_parameter{one.substr(0, equals), one.substr(std::min(equals + 1, one.size()))};
}

} // namespace proxy::policy
