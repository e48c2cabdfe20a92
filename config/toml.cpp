#define TOML_IMPLEMENTATION
#include "config/toml.hpp"

#include <algorithm>
#include <stdexcept>

namespace proxy::config {

namespace {

constexpr size_t max_key_parts = 64;
constexpr size_t max_tables = 10'000;

/// The end of the string that starts at `at`, its closing quotes included.
size_t end_of_string(std::string_view text, size_t at) {
  auto quote = text[at];
  auto triple = text.substr(at, 3) == std::string(3, quote);
  auto fence = text.substr(at, triple ? 3 : 1);
  for (auto i = at + fence.size(); i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i, fence.size()) == fence) {
      i += fence.size();
      // A multi-line string may end in up to two quotes of its own.
      for (int own = 0; triple && own < 2 && i < text.size() && text[i] == quote; ++own)
        ++i;
      return i;
    } else if (!triple && text[i] == '\n') {
      return i; // An unclosed string: the parser stops here.
    }
  }
  return text.size();
}

/// Something in a document that the parser would handle, but too slowly or too deep.
struct excess {
  size_t at = 0;
  std::string what;
};

/// Bounds what costs the library more than its length: it nests a table per part of a dotted key
/// and destroys them recursively (a long key overflows the stack), and searches the tables made by
/// headers and dotted keys one by one (many of them take quadratic time).
std::optional<excess> find_excess(std::string_view text) {
  size_t dots = 0;
  size_t tables = 0;
  bool line_start = true;
  for (size_t i = 0; i < text.size();) {
    auto c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '"' || c == '\'') {
      i = end_of_string(text, i);
      line_start = false;
      continue;
    }
    if (c == '.' && ++dots >= max_key_parts)
      return excess{i, "a dotted key has more than " + std::to_string(max_key_parts) + " parts"};
    if ((c == '[' && line_start) || (c == '=' && dots > 0))
      ++tables;
    if (tables > max_tables)
      return excess{i,
                    "more than " + std::to_string(max_tables) + " table headers and dotted keys"};
    if (std::string_view{"=,[]{}\n"}.find(c) != std::string_view::npos)
      dots = 0;
    if (c != ' ' && c != '\t')
      line_start = c == '\n';
    ++i;
  }
  return std::nullopt;
}

parsed_toml failure_at(std::string_view text, const excess& found) {
  auto before = text.substr(0, found.at);
  auto line = std::ranges::count(before, '\n') + 1;
  auto newline = before.rfind('\n');
  auto column = newline == std::string_view::npos ? found.at + 1 : found.at - newline;
  return {std::nullopt, static_cast<uint32_t>(line), static_cast<uint32_t>(column), found.what};
}

} // namespace

void malformed_document() { throw std::logic_error("malformed document"); }

parsed_toml parse_toml(std::string_view text) {
  if (auto found = find_excess(text))
    return failure_at(text, *found);
  try {
    return {toml::parse(text), 0, 0, {}};
  } catch (const toml::parse_error& failure) {
    const auto& where = failure.source().begin;
    return {std::nullopt, where.line, where.column, std::string{failure.description()}};
  } catch (const std::logic_error& failure) {
    return {std::nullopt, 0, 0, failure.what()};
  }
}

} // namespace proxy::config
