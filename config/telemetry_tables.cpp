#include "config/telemetry_tables.hpp"

#include <algorithm>
#include <array>

#include "config/text.hpp"
#include "config/value.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy::config {

namespace {

/// More, or longer ones, would be a mistake: each event says all of them.
constexpr size_t most_attributes = 64, longest_attribute = 1024;
/// Of all names and values together: a request says them for each of its events, and what it may
/// hold is counted without them.
constexpr size_t longest_attributes = 8 * 1024;

constexpr std::array our_headers{
  std::string_view{"content-type"},   std::string_view{"content-encoding"},
  std::string_view{"content-length"}, std::string_view{"transfer-encoding"},
  std::string_view{"connection"},     std::string_view{"expect"},
  std::string_view{"host"},
};

/// What events call their own fields by (`event_fields`): nobody else may.
constexpr std::array our_attributes{std::string_view{"event."},  std::string_view{"network."},
                                    std::string_view{"server."}, std::string_view{"http."},
                                    std::string_view{"client."}, std::string_view{"request."}};
constexpr std::array our_whole_attributes{std::string_view{"target"}, std::string_view{"user.name"},
                                          std::string_view{"trace_id"},
                                          std::string_view{"span_id"}};

bool is_ours(std::string_view name) {
  return std::ranges::find(our_whole_attributes, name) != our_whole_attributes.end() ||
         std::ranges::any_of(our_attributes, [&](auto begin) { return name.starts_with(begin); });
}

/// Reads a table, entry by entry.
/// @param read  Takes an entry's name and value, and returns what is wrong.
template <class Read>
void read_entries(const layer& from, const toml::node& node, const std::string& name, report& out,
                  Read read) {
  const auto* table = node.as_table();
  if (!table)
    return out.error(from.at(node.source()), name, "expected a table, got " + kind_of_secret(node));
  for (auto&& [key, value] : *table)
    if (auto wrong = read(std::string{key.str()}, value); !wrong.empty())
      out.error(from.at(value.source()), name + "." + toml_key(key.str()), wrong);
}

} // namespace

std::string wrong_with_header(std::string_view name) {
  if (name.empty() || !std::ranges::all_of(name, http1::is_token_char))
    return "is no name of a header";
  if (std::ranges::any_of(our_headers,
                          [&](auto ours) { return ascii::equals_ignoring_case(name, ours); }))
    return "this header is set by the exporter itself";
  return {};
}

std::vector<otlp_header> read_headers(const layer& from, const toml::node& node,
                                      const std::string& name, report& out) {
  std::vector<otlp_header> result;
  read_entries(from, node, name, out, [&](std::string header, const toml::node& value) {
    auto wrong = wrong_with_header(header);
    std::string source;
    if (wrong.empty())
      wrong = read_source(value, from.directory, source);
    if (wrong.empty())
      result.push_back({std::move(header), std::move(source), {}});
    return wrong;
  });
  return result;
}

text_pairs read_attributes(const layer& from, const toml::node& node, const std::string& name,
                           report& out) {
  text_pairs result;
  size_t bytes = 0;
  read_entries(from, node, name, out, [&](std::string key, const toml::node& value) -> std::string {
    const auto* text = value.as_string();
    if (!text)
      return "expected a string, got " + kind_of(value);
    if (key.empty() || is_ours(key))
      return "events have a field of that name";
    if (key.size() > longest_attribute || text->get().size() > longest_attribute)
      return "must not be longer than " + std::to_string(longest_attribute) + " bytes";
    if (result.size() == most_attributes)
      return "is one too many: " + std::to_string(most_attributes) + " at most";
    bytes += key.size() + text->get().size();
    if (bytes > longest_attributes)
      return "is too much: " + std::to_string(longest_attributes) +
             " bytes at most in all names and values together";
    result.emplace_back(std::move(key), text->get());
    return {};
  });
  return result;
}

} // namespace proxy::config
