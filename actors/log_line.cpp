#include "actors/log_line.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "actors/answers.hpp"
#include "actors/timestamp.hpp"
#include "protocols/ascii.hpp"

namespace proxy {

namespace {

struct level_row {
  spdlog::level::level_enum level;
  std::string_view name;
};

constexpr level_row levels[] = {
  {spdlog::level::trace, "trace"}, {spdlog::level::debug, "debug"},
  {spdlog::level::info, "info"},   {spdlog::level::warn, "warn"},
  {spdlog::level::err, "error"},   {spdlog::level::critical, "error"},
  {spdlog::level::off, "off"},
};

/// Exactly representable in every JSON reader, and not an identifier that happens to be all digits.
constexpr size_t max_number_digits = 15;

bool are_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), ascii::is_digit);
}

/// As JSON writes it, without an exponent.
bool is_number(std::string_view text) {
  if (text.starts_with('-'))
    text.remove_prefix(1);
  auto point = std::min(text.find('.'), text.size());
  auto whole = text.substr(0, point);
  auto digits = text.size() - (point < text.size() ? 1 : 0);
  return digits <= max_number_digits && are_digits(whole) && (whole[0] != '0' || point == 1) &&
         (point == text.size() || are_digits(text.substr(point + 1)));
}

bool is_literal(std::string_view text) {
  return text == "true" || text == "false" || is_number(text);
}

bool is_key_char(char c) {
  return ascii::is_alpha(c) || ascii::is_digit(c) || c == '_' || c == '.';
}

/// One `key=value`, or a word without a key.
struct pair {
  std::string_view key;
  std::string value;
  bool quoted = false;
};

/// Takes a value in double quotes off the front; the opening quote is gone already.
std::string take_quoted(std::string_view& text) {
  std::string out;
  while (!text.empty() && text[0] != '"') {
    if (text[0] == '\\' && text.size() > 1)
      text.remove_prefix(1);
    out += text[0];
    text.remove_prefix(1);
  }
  text.remove_prefix(std::min<size_t>(1, text.size()));
  return out;
}

std::optional<pair> take_pair(std::string_view& text) {
  text = ascii::trim(text);
  if (text.empty())
    return std::nullopt;
  pair out;
  auto end = std::find_if_not(text.begin(), text.end(), is_key_char);
  if (end != text.end() && *end == '=' && end != text.begin()) {
    auto size = static_cast<size_t>(end - text.begin());
    out.key = text.substr(0, size);
    text.remove_prefix(size + 1);
  }
  out.quoted = text.starts_with('"');
  if (out.quoted) {
    text.remove_prefix(1);
    out.value = take_quoted(text);
  } else {
    auto size = std::min(text.find(' '), text.size());
    out.value = text.substr(0, size);
    text.remove_prefix(size);
  }
  return out;
}

void append_member(std::string& out, const pair& p) {
  out += ',';
  append_json_string(out, p.key);
  out += ':';
  if (!p.quoted && is_literal(p.value))
    out += p.value;
  else
    append_json_string(out, p.value);
}

} // namespace

bool is_plain_word(std::string_view text) noexcept {
  auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '"' && c != '\\' && c != '=';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_plain) && !is_literal(text);
}

std::string_view level_name(spdlog::level::level_enum level) noexcept {
  for (auto& row : levels)
    if (row.level == level)
      return row.name;
  return "info";
}

spdlog::level::level_enum level_named(std::string_view name) noexcept {
  for (auto& row : levels)
    if (row.name == name)
      return row.level;
  return spdlog::level::info;
}

void append_text_line(std::string& out, const log_record& record) {
  static constexpr char hex[] = "0123456789abcdef";
  out += "time=";
  append_timestamp(out, record.at);
  out += " level=";
  out += level_name(record.level);
  out += ' ';
  for (auto c : record.text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    out += "\\x";
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  out += '\n';
}

void append_json_line(std::string& out, const log_record& record) {
  out += R"({"time":")";
  append_timestamp(out, record.at);
  out += R"(","level":")";
  out += level_name(record.level);
  out += '"';
  auto rest = record.text;
  // A word belongs to the value before it, so a value is only written once the next key is seen.
  pair current{"msg", "", false};
  bool started = false;
  while (auto next = take_pair(rest)) {
    if (next->key.empty() || !started) {
      if (!next->key.empty())
        current = std::move(*next);
      else
        (current.value += current.value.empty() ? "" : " ") += next->value;
    } else {
      append_member(out, current);
      current = std::move(*next);
    }
    started = true;
  }
  append_member(out, current);
  out += "}\n";
}

} // namespace proxy
