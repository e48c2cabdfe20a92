#include "policy/query.hpp"

#include <algorithm>
#include <utility>

#include "protocols/ascii.hpp"
#include "protocols/utf8.hpp"

namespace proxy::policy {

namespace {

/// Text that is no form, read like one.
class plain_reader {
public:
  explicit plain_reader(std::string_view text) : rest_(text) {}
  std::optional<char> next() noexcept {
    if (rest_.empty())
      return std::nullopt;
    auto c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

private:
  std::string_view rest_;
};

/// What stands behind the last byte of a name.
constexpr int end = -1;

/// Reads a name as the most generous server does (`name_match::alike`).
template <class Reader>
class folded_name {
public:
  explicit folded_name(std::string_view text) : text_(text) {}

  /// The next byte, or `end`.
  int next() noexcept {
    if (blanks_ == 0 && behind_blanks_ == end)
      read_on();
    if (behind_blanks_ == end)
      return end; // blanks at the end count for nothing
    if (blanks_ > 0) {
      --blanks_;
      return '_';
    }
    return std::exchange(behind_blanks_, end);
  }

private:
  /// Takes blanks and what follows them.
  void read_on() noexcept {
    while (auto c = text_.next()) {
      if (*c == ' ' || *c == '.') {
        blanks_ += begun_ ? 1 : 0;
      } else if (*c == '[' && !begun_) {
        continue;
      } else if (*c == '[' || *c == ']' || *c == '\0') {
        break;
      } else {
        begun_ = true;
        behind_blanks_ = static_cast<unsigned char>(ascii::to_lower(*c));
        return;
      }
    }
    blanks_ = 0;
  }

  Reader text_;
  int behind_blanks_ = end;
  size_t blanks_ = 0;
  bool begun_ = false;
};

/// Whether nobody can say what a name is.
bool is_unclear(std::string_view encoded) noexcept {
  form_reader bytes{encoded};
  utf8_decoder text;
  while (auto c = bytes.next()) {
    auto byte = static_cast<unsigned char>(*c);
    // A `%` that is left would be decoded by whoever decodes twice.
    if (!text.take(byte) || byte < 0x20 || byte == 0x7F || byte == '%')
      return true;
  }
  return !text.whole();
}

} // namespace

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
    } else {
      broken_ = true;
    }
  } else if (c == '%') {
    broken_ = true;
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

std::optional<query_parameter> take_parameter(std::string_view& query,
                                              std::string_view separators) noexcept {
  query.remove_prefix(std::min(query.find_first_not_of(separators), query.size()));
  if (query.empty())
    return std::nullopt;
  auto one = query.substr(0, query.find_first_of(separators));
  query.remove_prefix(one.size());
  auto equals = std::min(one.find('='), one.size());
  return query_parameter{one.substr(0, equals), one.substr(std::min(equals + 1, one.size()))};
}

name_match compare_name(std::string_view encoded, std::string_view wanted) noexcept {
  if (decodes_to(encoded, wanted))
    return name_match::same;
  if (is_unclear(encoded))
    return name_match::unclear;
  folded_name<form_reader> name{encoded};
  folded_name<plain_reader> other{wanted};
  for (;;) {
    auto a = name.next();
    if (a != other.next())
      return name_match::other;
    if (a == end)
      return name_match::alike;
  }
}

} // namespace proxy::policy
