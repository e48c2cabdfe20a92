#include "config/text.hpp"

#include <algorithm>
#include <array>
#include <caf/make_message.hpp>
#include <charconv>
#include <limits>
#include <optional>

namespace proxy::config {

namespace {

struct unit {
  std::string_view name;
  uint64_t factor;
};

// Largest first: this is the order in which they may stand in a duration.
constexpr std::array duration_units{unit{"d", 86'400'000}, unit{"h", 3'600'000}, unit{"m", 60'000},
                                    unit{"s", 1'000}, unit{"ms", 1}};

constexpr std::array size_units{unit{"b", 1},
                                unit{"kb", 1'000},
                                unit{"mb", 1'000'000},
                                unit{"gb", 1'000'000'000},
                                unit{"kib", 1ULL << 10},
                                unit{"mib", 1ULL << 20},
                                unit{"gib", 1ULL << 30}};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// A number and the letters behind it, taken off the front of `text`.
struct amount {
  uint64_t number;
  std::string_view unit;
};

std::optional<amount> take_amount(std::string_view& text) {
  amount result{};
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), result.number);
  if (failure != std::errc{})
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  auto unit_end = std::ranges::find_if(text, is_digit);
  result.unit = text.substr(0, static_cast<size_t>(unit_end - text.begin()));
  text.remove_prefix(result.unit.size());
  return result;
}

/// a * b, or nothing when it does not fit 63 bits.
std::optional<uint64_t> product(uint64_t a, uint64_t b) {
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (b != 0 && a > most / b)
    return std::nullopt;
  return a * b;
}

caf::error no_duration(std::string_view text) {
  return caf::make_error(errc::invalid_config,
                         "expected a duration such as \"30s\", \"500ms\" or \"1h30m\", got " +
                           excerpt(text));
}

caf::error no_size(std::string_view text) {
  return caf::make_error(errc::invalid_config,
                         "expected a size such as \"64KiB\" or \"10MB\", got " + excerpt(text));
}

} // namespace

caf::expected<std::chrono::milliseconds> parse_duration(std::string_view text) {
  auto rest = trim(text);
  if (rest.empty())
    return no_duration(text);
  uint64_t total = 0;
  auto next = duration_units.begin();
  while (!rest.empty()) {
    auto part = take_amount(rest);
    if (!part)
      return no_duration(text);
    auto used =
      std::find_if(next, duration_units.end(), [&](const unit& u) { return u.name == part->unit; });
    if (used == duration_units.end())
      return no_duration(text);
    auto value = product(part->number, used->factor);
    if (!value || total > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) - *value)
      return no_duration(text);
    total += *value;
    next = used + 1;
  }
  return std::chrono::milliseconds{static_cast<int64_t>(total)};
}

caf::expected<uint64_t> parse_size(std::string_view text) {
  auto rest = trim(text);
  auto part = take_amount(rest);
  if (!part || !rest.empty())
    return no_size(text);
  if (part->number == 0 && part->unit.empty())
    return uint64_t{0}; // the one number that needs no unit
  std::string name{part->unit};
  std::ranges::transform(name, name.begin(), lower);
  auto used = std::ranges::find(size_units, std::string_view{name}, &unit::name);
  if (used == size_units.end())
    return no_size(text);
  auto value = product(part->number, used->factor);
  if (!value)
    return no_size(text);
  return *value;
}

std::string duration_text(std::chrono::milliseconds value) {
  auto rest = static_cast<uint64_t>(std::max<int64_t>(value.count(), 0));
  std::string result;
  for (const auto& u : duration_units) {
    if (auto count = rest / u.factor; count > 0) {
      result += std::to_string(count);
      result += u.name;
      rest %= u.factor;
    }
  }
  return result.empty() ? "0s" : result;
}

std::string size_text(uint64_t bytes) {
  struct suffix {
    uint64_t factor;
    const char* name;
  };
  for (auto [factor, name] :
       {suffix{1ULL << 30, "GiB"}, suffix{1ULL << 20, "MiB"}, suffix{1ULL << 10, "KiB"}}) {
    if (bytes >= factor && bytes % factor == 0)
      return std::to_string(bytes / factor) + name;
  }
  return bytes == 0 ? "0" : std::to_string(bytes) + "B";
}

std::string_view trim(std::string_view text) noexcept {
  auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string in_quotes(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string result = "\"";
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\u00";
      result += hex[byte >> 4];
      result += hex[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string excerpt(std::string_view text) {
  constexpr size_t longest = 80;
  if (text.size() <= longest)
    return in_quotes(text);
  auto end = longest;
  // Not in the middle of a UTF-8 sequence.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return in_quotes(text.substr(0, end)) + "…";
}

std::string toml_key(std::string_view text) {
  auto bare = [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_';
  };
  return !text.empty() && std::ranges::all_of(text, bare) ? std::string{text} : in_quotes(text);
}

} // namespace proxy::config
