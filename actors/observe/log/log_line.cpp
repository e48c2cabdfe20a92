#include "actors/observe/log/log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "actors/observe/json_string.hpp"
#include "actors/observe/log/timestamp.hpp"
#include "protocols/ascii.hpp"

namespace proxy {

namespace {

struct level_row {
  log_level level;
  std::string_view name;
};

constexpr level_row levels[] = {
  {log_level::trace, "trace"}, {log_level::debug, "debug"}, {log_level::info, "info"},
  {log_level::warn, "warn"},   {log_level::error, "error"}, {log_level::off, "off"},
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

/// Whether nothing in a text ends it where it is not in quotes.
bool is_one_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '"' && c != '\\';
  });
}

/// One member of a line, whatever the layout.
struct member {
  std::string_view key;
  std::string_view value;
  bool in_quotes = false; ///< In the text layout.
  bool is_string = true;  ///< In JSON.
};

member make_member(std::string_view key, std::string_view value, log_value::kind what) {
  switch (what) {
    case log_value::kind::text: return {key, value, !is_plain_word(value), true};
    case log_value::kind::quoted:
    case log_value::kind::field: return {key, value, true, true};
    default: return {key, value, !is_one_word(value), !is_literal(value)};
  }
}

void append_number(std::string& out, const log_value& value) {
  std::array<char, 24> digits;
  auto end = value.what == log_value::kind::integer
               ? std::to_chars(digits.begin(), digits.end(), static_cast<int64_t>(value.number)).ptr
               : std::to_chars(digits.begin(), digits.end(), value.number).ptr;
  out.append(digits.begin(), end);
}

void append_value(std::string& out, const log_value& value) {
  switch (value.what) {
    case log_value::kind::integer:
    case log_value::kind::count: return append_number(out, value);
    case log_value::kind::boolean: out += value.number != 0 ? "true" : "false"; return;
    case log_value::kind::client: {
      client_address client;
      std::memcpy(&client, value.text.data(), sizeof client);
      out += client.str();
      return;
    }
    default: out += value.text;
  }
}

/// Takes one member after the other off a format and its values.
class member_reader {
public:
  member_reader(std::string_view format, std::span<const log_value> values)
    : format_(format), values_(values) {}

  /// @param out  Valid until the next call.
  /// @returns false when there are no more.
  [[nodiscard]] bool next(member& out) {
    while (takes(place)) { // one that may be left out
      const auto& value = take_value();
      if (value.text.empty())
        continue;
      out = make_member(value.key, value.text, value.what);
      return true;
    }
    takes(" ");
    if (format_.empty())
      return false;
    auto key = format_.substr(0, format_.find('='));
    format_.remove_prefix(std::min(key.size() + 1, format_.size()));
    out = read_value(key);
    return true;
  }

private:
  static constexpr std::string_view place = "{}";

  bool takes(std::string_view start) noexcept {
    if (!format_.starts_with(start))
      return false;
    format_.remove_prefix(start.size());
    return true;
  }

  const log_value& take_value() noexcept {
    static const log_value none{};
    if (values_.empty())
      return none;
    const auto& value = values_.front();
    values_ = values_.subspan(1);
    return value;
  }

  member read_value(std::string_view key) {
    value_.clear();
    auto end = format_.substr(0, place.size()) == place ? format_.substr(place.size()) : "x";
    if (end.empty() || end.starts_with(' ') || end.starts_with(place)) { // the value alone
      format_ = end;
      const auto& value = take_value();
      if (value.what == log_value::kind::text || value.what == log_value::kind::quoted)
        return make_member(key, value.text, value.what);
      append_value(value_, value);
      return make_member(key, value_, log_value::kind::word);
    }
    auto quoted = takes("\"");
    while (!format_.empty() && format_[0] != (quoted ? '"' : ' ')) {
      if (takes(place)) {
        append_value(value_, take_value());
      } else {
        value_ += format_[0];
        format_.remove_prefix(1);
      }
    }
    if (quoted)
      takes("\"");
    return make_member(key, value_, quoted ? log_value::kind::quoted : log_value::kind::word);
  }

  std::string_view format_;
  std::span<const log_value> values_;
  std::string value_;
};

void append_escaped(std::string& out, std::string_view text, bool in_quotes) {
  static constexpr char hex[] = "0123456789abcdef";
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
      continue;
    }
    if (in_quotes && (c == '"' || c == '\\'))
      out += '\\';
    out += c;
  }
}

void append_text_line(std::string& out, const log_entry& entry) {
  out += "time=";
  append_timestamp(out, entry.at);
  out += " level=";
  out += level_name(entry.level);
  member_reader members{entry.format, entry.values};
  for (member m; members.next(m);) {
    (out += ' ') += m.key;
    out += m.in_quotes ? "=\"" : "=";
    append_escaped(out, m.value, m.in_quotes);
    if (m.in_quotes)
      out += '"';
  }
  out += '\n';
}

void append_json_line(std::string& out, const log_entry& entry) {
  out += R"({"time":")";
  append_timestamp(out, entry.at);
  out += R"(","level":")";
  out += level_name(entry.level);
  out += '"';
  member_reader members{entry.format, entry.values};
  for (member m; members.next(m);) {
    ((out += ",\"") += m.key) += "\":";
    if (m.is_string)
      append_json_string(out, m.value);
    else
      out += m.value;
  }
  out += "}\n";
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

log_value client_of(const decision_event& event) {
  return event.client ? log_value{*event.client} : log_value{""};
}

void append_fault(std::string& out, log_layout layout, const decision_event& event) {
  const auto& how = outcome_of(event.fault->code);
  const log_value values[] = {
    log_value{log_text{or_dash(event.host)}},
    log_value{event.port},
    log_value{how.name},
    log_value{how.http_status},
    log_value{quoted_text(event.fault->cause)},
    log_value{policy::to_string(event.protocol)},
    log_value{log_text{or_dash(event.method)}},
    client_of(event),
    log_value{user_field(event.user)},
    log_value{event.request_id.text()},
  };
  append_log_line(out, layout,
                  {event.at, log_level::info,
                   "msg=fault host={} port={} error={} status={} cause={} protocol={} method={} "
                   "client={}{} request_id={}",
                   values});
}

void append_refusal(std::string& out, log_layout layout, const decision_event& event) {
  const log_value values[] = {
    log_value{log_text{event.host}},
    log_value{event.port},
    log_value{log_text{event.reason_text()}},
    log_value{policy::to_string(event.decision)},
    log_value{policy::to_string(event.source)},
    log_value{policy::to_string(event.protocol)},
    log_value{log_text{event.method}},
    log_value{quoted_text(event.rule)},
    client_of(event),
    log_value{user_field(event.user)},
    log_value{event.request_id.text()},
  };
  append_log_line(out, layout,
                  {event.at, log_level::info,
                   "msg=blocked host={} port={} reason={} decision={} source={} protocol={} "
                   "method={} rule={} client={}{} request_id={}",
                   values});
}

} // namespace

bool is_plain_word(std::string_view text) noexcept {
  return !text.empty() && is_one_word(text) && text.find('=') == std::string_view::npos &&
         !is_literal(text);
}

std::string_view level_name(log_level level) noexcept {
  for (auto& row : levels)
    if (row.level == level)
      return row.name;
  return "info";
}

log_level level_named(std::string_view name) noexcept {
  for (auto& row : levels)
    if (row.name == name)
      return row.level;
  return log_level::info;
}

void append_log_line(std::string& out, log_layout layout, const log_entry& entry) {
  if (layout == log_layout::json)
    append_json_line(out, entry);
  else
    append_text_line(out, entry);
}

void append_log_line(std::string& out, log_layout layout, const decision_event& event) {
  if (event.fault)
    append_fault(out, layout, event);
  else
    append_refusal(out, layout, event);
}

} // namespace proxy
