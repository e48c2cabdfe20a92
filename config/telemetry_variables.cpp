#include "config/telemetry_variables.hpp"

#include <algorithm>
#include <charconv>

#include "config/hooks.hpp"
#include "config/telemetry_tables.hpp"
#include "config/text.hpp"
#include "protocols/ascii.hpp"
#include "protocols/host.hpp"
#include "protocols/percent.hpp"

namespace proxy::config {

namespace {

constexpr size_t most_pairs = 128;
constexpr uint64_t longest_timeout_ms = 600'000;

/// Calls `use` for each part between commas that is not empty.
template <class Use>
void each_part(std::string_view text, Use use) {
  while (!text.empty()) {
    auto comma = std::min(text.find(','), text.size());
    if (auto part = trim(text.substr(0, comma)); !part.empty())
      use(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
}

/// A resource has each name once: what is said last of it counts.
void put(text_pairs& into, text_pairs::value_type one) {
  auto before = std::ranges::find(into, one.first, &text_pairs::value_type::first);
  if (before == into.end())
    into.push_back(std::move(one));
  else
    before->second = std::move(one.second);
}

} // namespace

std::string wrong_with_url(std::string_view url) {
  auto scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  if (scheme == 0)
    return "expected a URL that begins with http:// or https://";
  auto rest = url.substr(static_cast<size_t>(scheme));
  auto path = std::min(rest.find('/'), rest.size());
  if (auto where = authority::parse(rest.substr(0, path)); !where)
    return context_of(where.error());
  auto is_plain = [](char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#'; };
  if (!std::ranges::all_of(rest.substr(path), is_plain))
    return "its path must be printable ASCII, without ? and #";
  return {};
}

std::string telemetry_variables::value(const std::string& name) const {
  // An empty one counts as one that is not set, as the specification says.
  return std::string{trim(env_(name).value_or(""))};
}

void telemetry_variables::warn(const std::string& name, std::string what) {
  if (warned_.insert(name).second)
    out_.warning({}, name, std::move(what) + ": it is not used");
}

std::vector<telemetry_variables::found> telemetry_variables::all_of(signal_name signal,
                                                                    std::string_view what) const {
  std::vector<found> result;
  auto add = [&](std::string_view infix, bool is_of_signal) {
    auto name = "OTEL_EXPORTER_OTLP_" + std::string{infix} + std::string{what};
    if (auto text = value(name); !text.empty())
      result.push_back({name, std::move(text), is_of_signal});
  };
  add(std::string{signal} + '_', true);
  add("", false);
  return result;
}

bool telemetry_variables::disabled() {
  constexpr const char* name = "OTEL_SDK_DISABLED";
  auto said = value(name);
  auto is = [&](std::string_view word) { return ascii::equals_ignoring_case(said, word); };
  if (!said.empty() && !is("true") && !is("false"))
    warn(name, "expected true or false, got " + excerpt(said));
  return is("true");
}

std::optional<bool> telemetry_variables::exports(signal_name signal) {
  auto name = "OTEL_" + std::string{signal} + "_EXPORTER";
  std::optional<bool> result;
  each_part(value(name), [&](std::string_view exporter) {
    if (exporter == "none")
      result = false;
    else if (exporter == "otlp")
      result = result.value_or(true);
    else
      warn(name, "there is no exporter " + excerpt(exporter) + " but otlp and none");
  });
  return result;
}

bool telemetry_variables::has_url(signal_name signal) const {
  return !all_of(signal, "ENDPOINT").empty();
}

std::string telemetry_variables::url(signal_name signal, std::string_view path) {
  auto made = first_of(signal, "ENDPOINT", [&](found set) -> std::optional<std::string> {
    if (auto wrong = wrong_with_url(set.value); !wrong.empty()) {
      warn(set.name, wrong);
      return std::nullopt;
    }
    if (set.is_of_signal)
      return set.value;
    while (set.value.ends_with('/'))
      set.value.pop_back();
    return set.value + std::string{path};
  });
  return made.value_or("");
}

text_pairs telemetry_variables::headers(signal_name signal) {
  auto usable = [](const auto& one) {
    return wrong_with_header(one.first).empty() && is_header_value(one.second);
  };
  auto made = first_of(signal, "HEADERS", [&](const found& set) -> std::optional<text_pairs> {
    auto all = pairs(set.value);
    if (all && std::ranges::all_of(*all, usable))
      return all;
    // Without a word of what it holds: it may be the secret.
    warn(set.name, "expected name=value,name=value with names and values of headers");
    return std::nullopt;
  });
  return std::move(made).value_or(text_pairs{});
}

std::optional<otlp_encoding> telemetry_variables::encoding(signal_name signal) {
  return first_of(signal, "PROTOCOL", [&](const found& set) -> std::optional<otlp_encoding> {
    if (set.value == "http/protobuf")
      return otlp_encoding::protobuf;
    if (set.value == "http/json")
      return otlp_encoding::json;
    warn(set.name, excerpt(set.value) + " is not spoken, http/protobuf and http/json are");
    return std::nullopt;
  });
}

std::optional<bool> telemetry_variables::gzip(signal_name signal) {
  return first_of(signal, "COMPRESSION", [&](const found& set) -> std::optional<bool> {
    if (set.value == "gzip" || set.value == "none")
      return set.value == "gzip";
    warn(set.name, "expected gzip or none, got " + excerpt(set.value));
    return std::nullopt;
  });
}

std::optional<milliseconds> telemetry_variables::timeout(signal_name signal) {
  return first_of(signal, "TIMEOUT", [&](const found& set) -> std::optional<milliseconds> {
    auto count = number(set.name, 1, longest_timeout_ms);
    return count ? std::optional{milliseconds{*count}} : std::nullopt;
  });
}

std::string telemetry_variables::path(signal_name signal, std::string_view what) const {
  auto all = all_of(signal, what);
  return all.empty() ? std::string{} : std::move(all.front().value);
}

std::string telemetry_variables::ca_file(signal_name signal) const {
  return path(signal, "CERTIFICATE");
}

std::pair<std::string, std::string> telemetry_variables::client_files(signal_name signal) {
  std::pair both{path(signal, "CLIENT_CERTIFICATE"), path(signal, "CLIENT_KEY")};
  if (both.first.empty() == both.second.empty())
    return both;
  auto [given, missing] = both.second.empty() ? std::pair{"CLIENT_CERTIFICATE", "CLIENT_KEY"}
                                              : std::pair{"CLIENT_KEY", "CLIENT_CERTIFICATE"};
  warn(all_of(signal, given).front().name,
       std::string{"is of no use without OTEL_EXPORTER_OTLP_"} + missing);
  return {};
}

std::optional<uint64_t> telemetry_variables::number(const std::string& name, uint64_t least,
                                                    uint64_t most) {
  auto text = value(name);
  if (text.empty())
    return std::nullopt;
  uint64_t count = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed == std::errc{} && end == text.data() + text.size() && count >= least && count <= most)
    return count;
  warn(name, "expected a number from " + std::to_string(least) + " to " + std::to_string(most) +
               ", got " + excerpt(text));
  return std::nullopt;
}

text_pairs telemetry_variables::resource() {
  constexpr const char* name = "OTEL_RESOURCE_ATTRIBUTES";
  auto all = pairs(value(name));
  if (!all)
    warn(name, "expected name=value,name=value");
  text_pairs result{{"service.name", "codex_network_proxy"}};
  for (auto& one : all.value_or(text_pairs{}))
    put(result, std::move(one));
  if (auto service = value("OTEL_SERVICE_NAME"); !service.empty())
    result.front().second = std::move(service);
  return result;
}

std::optional<text_pairs> telemetry_variables::pairs(std::string_view text) const {
  text_pairs result;
  auto good = true;
  each_part(text, [&](std::string_view part) {
    auto equals = part.find('=');
    if (equals == std::string_view::npos || result.size() == most_pairs) {
      good = false;
      return;
    }
    auto name = percent_decoded(trim(part.substr(0, equals)));
    auto content = percent_decoded(trim(part.substr(equals + 1)));
    good = good && name && !name->empty() && content;
    if (good)
      result.emplace_back(std::move(*name), std::move(*content));
  });
  return good ? std::optional{std::move(result)} : std::nullopt;
}

} // namespace proxy::config
