#include "config/value.hpp"

#include <algorithm>
#include <type_traits>

#include "config/address.hpp"
#include "config/text.hpp"

namespace proxy::config {

namespace {

bool is_word(std::string_view word, std::string_view words) {
  for (;;) {
    auto bar = words.find('|');
    if (word == words.substr(0, bar))
      return true;
    if (bar == std::string_view::npos)
      return false;
    words.remove_prefix(bar + 1);
  }
}

std::string all_words(std::string_view words) {
  std::string result;
  for (auto c : words)
    result += c == '|' ? std::string{", "} : std::string{c};
  return result;
}

std::string number_text(const key& k, int64_t number) {
  auto size = k.as == form::bytes && number > 0;
  return size ? size_text(static_cast<uint64_t>(number)) : std::to_string(number);
}

/// A port stays what it is by default when a URL names none.
uint16_t default_port(const key& k) {
  proxy_config defaults;
  auto ref = k.at(defaults);
  if (auto address = std::get_if<listen_address*>(&ref))
    return (*address)->port;
  return defaults.admin->port;
}

std::string expected(std::string_view what, const toml::node& node) {
  return "expected " + std::string{what} + ", got " + kind_of(node);
}

/// One overload per type of member; each returns what is wrong.
struct value_reader {
  const key& k;
  const toml::node& node;
  const std::string& directory;

  std::string operator()(bool* into) const {
    const auto* value = node.as_boolean();
    if (!value)
      return expected("true or false", node);
    *into = value->get();
    return {};
  }

  std::string operator()(uint64_t* into) const {
    int64_t number = 0;
    if (const auto* value = node.as_integer()) {
      number = value->get();
    } else if (const auto* text = node.as_string(); text && k.as == form::bytes) {
      auto size = parse_size(text->get());
      if (!size)
        return context_of(size.error());
      number = static_cast<int64_t>(*size);
    } else {
      return expected(
        k.as == form::bytes ? "a size such as \"64KiB\" or a number of bytes" : "an integer", node);
    }
    if (number < k.low || number > k.high)
      return "must be between " + number_text(k, k.low) + " and " + number_text(k, k.high) +
             ", got " + number_text(k, number);
    *into = static_cast<uint64_t>(number);
    return {};
  }

  std::string operator()(milliseconds* into) const {
    milliseconds value{};
    if (const auto* seconds = node.as_integer()) {
      // Beyond any bound, and safe to multiply.
      constexpr int64_t most = 1'000'000'000'000;
      value = std::chrono::seconds{std::clamp(seconds->get(), -most, most)};
    } else if (const auto* text = node.as_string()) {
      auto duration = parse_duration(text->get());
      if (!duration)
        return context_of(duration.error());
      value = *duration;
    } else {
      return expected("a duration such as \"30s\" or a number of seconds", node);
    }
    if (value.count() < k.low || value.count() > k.high)
      return "must be between " + duration_text(milliseconds{k.low}) + " and " +
             duration_text(milliseconds{k.high}) + ", got " + kind_of(node);
    *into = value;
    return {};
  }

  std::string operator()(std::string* into) const {
    const auto* value = node.as_string();
    if (!value)
      return expected("a string", node);
    const auto& text = value->get();
    if (text.find('\0') != std::string::npos)
      return "must not contain NUL";
    if (k.as == form::word && !is_word(text, k.words))
      return "expected one of " + all_words(k.words) + ", got " + excerpt(text);
    if (k.as == form::path)
      *into = absolute(text);
    else if (k.as != form::output || text == "none" || text == "stderr")
      *into = text;
    else if (text.starts_with("file:") && text.size() > 5)
      *into = "file:" + absolute(text.substr(5));
    else
      return "expected \"none\", \"stderr\" or \"file:PATH\", got " + excerpt(text);
    return {};
  }

  std::string operator()(policy::mode* into) const {
    const auto* value = node.as_string();
    if (!value)
      return expected("\"full\" or \"limited\"", node);
    for (auto mode : {policy::mode::full, policy::mode::limited}) {
      if (value->get() == policy::to_string(mode)) {
        *into = mode;
        return {};
      }
    }
    return "expected one of " + all_words(k.words) + ", got " + excerpt(value->get());
  }

  std::string operator()(listen_address* into) const {
    const auto* value = node.as_string();
    if (!value)
      return expected("an address", node);
    auto address = parse_listen_address(value->get(), default_port(k));
    if (!address)
      return context_of(address.error());
    *into = std::move(*address);
    return {};
  }

  std::string operator()(std::optional<listen_address>* into) const {
    const auto* value = node.as_string();
    if (!value)
      return expected("an address", node);
    if (value->get().empty()) {
      into->reset();
      return {};
    }
    auto address = parse_listen_address(value->get(), default_port(k), true);
    if (!address)
      return context_of(address.error());
    *into = std::move(*address);
    return {};
  }

  // Lists and maps: their elements are read one by one, each with its own position.
  std::string operator()(std::vector<std::string>*) const { return {}; }
  std::string operator()(std::vector<policy::placed_text>*) const { return {}; }
  std::string operator()(std::vector<socks_user>*) const { return {}; }
  std::string operator()(std::vector<policy::mitm_hook>*) const { return {}; }
  std::string operator()(std::vector<client_certificate>*) const { return {}; }
  std::string operator()(std::vector<otlp_header>*) const { return {}; }
  std::string operator()(text_pairs*) const { return {}; }
  std::string operator()(std::monostate) const { return {}; }

  std::string absolute(const std::string& path) const {
    if (path.empty() || path.starts_with('/') || directory.empty())
      return path;
    return directory + "/" + path;
  }
};

template <class List, class Text>
std::string list_text(const List& list, Text text) {
  std::string result;
  for (const auto& element : list)
    result += (result.empty() ? "" : ", ") + in_quotes(text(element));
  return "[" + result + "]";
}

/// @param pair  Gives an element's name and value.
template <class List, class Pair>
std::string map_text(const List& list, Pair pair) {
  std::string result;
  for (const auto& element : list) {
    const auto& [name, value] = pair(element);
    result += (result.empty() ? " " : ", ") + toml_key(name) + " = " + in_quotes(value);
  }
  return "{" + result + (result.empty() ? "}" : " }");
}

} // namespace

std::string read_value(const key& k, const toml::node& node, const std::string& directory,
                       proxy_config& into) {
  return std::visit(value_reader{k, node, directory}, k.at(into));
}

std::string read_source(const toml::node& node, const std::string& directory, std::string& into) {
  const auto* text = node.as_string();
  std::string source = text ? text->get() : "";
  if (source.starts_with("file:") && source.size() > 5 && source[5] != '/' && !directory.empty())
    source.insert(5, directory + "/");
  auto colon = source.find(':') + 1;
  if ((!source.starts_with("env:") && !source.starts_with("file:")) || colon == source.size() ||
      source.find('\0') != std::string::npos)
    return "expected \"env:NAME\" or \"file:PATH\"" +
           (text ? std::string{} : ", got " + kind_of(node));
  into = std::move(source);
  return {};
}

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return excerpt(node.as_string()->get());
    case toml::node_type::integer: return std::to_string(node.as_integer()->get());
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return node.as_boolean()->get() ? "true" : "false";
    default: return "a date or time";
  }
}

std::string kind_of_secret(const toml::node& node) {
  return node.is_string() ? "a string" : kind_of(node);
}

std::string value_text(const key& k, proxy_config& from) {
  auto text = [&k](auto value) -> std::string {
    using type = decltype(value);
    if constexpr (std::is_same_v<type, std::monostate>)
      return "{}";
    else if constexpr (std::is_same_v<type, bool*>)
      return *value ? "true" : "false";
    else if constexpr (std::is_same_v<type, uint64_t*>)
      return k.as == form::bytes ? in_quotes(size_text(*value)) : std::to_string(*value);
    else if constexpr (std::is_same_v<type, milliseconds*>)
      return in_quotes(duration_text(*value));
    else if constexpr (std::is_same_v<type, std::string*>)
      return in_quotes(*value);
    else if constexpr (std::is_same_v<type, policy::mode*>)
      return in_quotes(policy::to_string(*value));
    else if constexpr (std::is_same_v<type, listen_address*>)
      return in_quotes(url_of(*value));
    else if constexpr (std::is_same_v<type, std::optional<listen_address>*>)
      return in_quotes(*value ? url_of(**value) : std::string{});
    else if constexpr (std::is_same_v<type, std::vector<socks_user>*> ||
                       std::is_same_v<type, std::vector<otlp_header>*>)
      return map_text(*value, [](const auto& one) { return std::pair{one.name, one.source}; });
    else if constexpr (std::is_same_v<type, text_pairs*>)
      return map_text(*value, [](const auto& one) { return one; });
    else if constexpr (std::is_same_v<type, std::vector<policy::placed_text>*>)
      return list_text(*value, [](const policy::placed_text& r) { return r.text; });
    else if constexpr (std::is_same_v<type, std::vector<policy::mitm_hook>*> ||
                       std::is_same_v<type, std::vector<client_certificate>*>)
      return "[]"; // asked for defaults alone: tables do not go on one line
    else
      return list_text(*value, [](const std::string& s) { return s; });
  };
  return std::visit(text, k.at(from));
}

std::string type_text(const key& k) {
  if (k.as == form::word)
    return "one of " + all_words(k.words);
  proxy_config defaults;
  auto text = [&k](auto value) -> std::string {
    using type = decltype(value);
    if constexpr (std::is_same_v<type, std::monostate> ||
                  std::is_same_v<type, std::vector<socks_user>*> ||
                  std::is_same_v<type, std::vector<otlp_header>*> ||
                  std::is_same_v<type, text_pairs*>)
      return "map";
    else if constexpr (std::is_same_v<type, bool*>)
      return "bool";
    else if constexpr (std::is_same_v<type, uint64_t*>)
      return k.as == form::bytes ? "size" : "integer";
    else if constexpr (std::is_same_v<type, milliseconds*>)
      return "duration";
    else if constexpr (std::is_same_v<type, listen_address*> ||
                       std::is_same_v<type, std::optional<listen_address>*>)
      return "address";
    else if constexpr (std::is_same_v<type, std::vector<policy::placed_text>*>)
      return "list of patterns";
    else if constexpr (std::is_same_v<type, std::vector<policy::mitm_hook>*> ||
                       std::is_same_v<type, std::vector<client_certificate>*>)
      return "list of tables";
    else if constexpr (std::is_same_v<type, std::vector<std::string>*>)
      return "list of strings";
    else
      return k.as == form::path ? "path" : "string";
  };
  return std::visit(text, k.at(defaults));
}

} // namespace proxy::config
