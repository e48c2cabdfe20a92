#include "actors/clients/java_options.hpp"

#include <algorithm>
#include <vector>

#include "tls/bundle.hpp"

namespace proxy {

namespace {

constexpr std::string_view proxy_options[] = {
  "-Dhttp.proxyHost=", "-Dhttp.proxyPort=", "-Dhttps.proxyHost=", "-Dhttps.proxyPort="};
constexpr std::string_view trust_options[] = {
  "-Djavax.net.ssl.trustStore=", "-Djavax.net.ssl.trustStoreType=",
  "-Djavax.net.ssl.trustStorePassword="};

/// Other ways than ours, or past it, that the user had: left out, and with them their passwords.
constexpr std::string_view rival_options[] = {
  "-Dhttp.nonProxyHosts",      "-Dftp.nonProxyHosts",
  "-DsocksNonProxyHosts",      "-DsocksProxyHost",
  "-DsocksProxyPort",          "-Dhttp.proxyUser",
  "-Dhttp.proxyPassword",      "-Dhttps.proxyUser",
  "-Dhttps.proxyPassword",     "-Djava.net.useSystemProxies",
  "-Djava.net.socks.username", "-Djava.net.socks.password"};

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The words, as Java takes them apart: at blanks outside of quotes. Each keeps its quotes.
std::vector<std::string_view> option_words(std::string_view options) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < options.size();) {
    if (is_blank(options[at])) {
      ++at;
      continue;
    }
    auto begin = at;
    for (char quote = 0; at < options.size() && (quote || !is_blank(options[at])); ++at)
      if (quote)
        quote = options[at] == quote ? '\0' : quote;
      else if (options[at] == '"' || options[at] == '\'')
        quote = options[at];
    out.push_back(options.substr(begin, at - begin));
  }
  return out;
}

/// In quotes where a blank needs them; nothing is escaped within.
std::string java_quoted(std::string_view text) {
  auto needs_them = [](char c) { return is_blank(c) || c == '"' || c == '\''; };
  if (std::ranges::none_of(text, needs_them))
    return std::string{text};
  std::string out = "\"";
  for (auto c : text)
    out += c == '"' ? std::string{"\"'\"'\""} : std::string{c};
  return out + '"';
}

/// A word as Java sees it.
std::string without_quotes(std::string_view word) {
  std::string out;
  char quote = 0;
  for (auto c : word)
    if (quote ? c == quote : c == '"' || c == '\'')
      quote = quote ? '\0' : c;
    else
      out += c;
  return out;
}

bool is_ours(std::string_view quoted_word, bool trust) {
  auto word = without_quotes(quoted_word);
  auto has_it = [&](auto name) { return word.starts_with(name); };
  return std::ranges::any_of(proxy_options, has_it) || std::ranges::any_of(rival_options, has_it) ||
         (trust && std::ranges::any_of(trust_options, has_it));
}

} // namespace

std::optional<java_trust> java_trust_in(std::string_view options) {
  java_trust out{"", tls::java_store_password};
  for (auto quoted_word : option_words(options)) {
    auto word = without_quotes(quoted_word);
    if (word.starts_with(trust_options[0]))
      out.path = word.substr(trust_options[0].size());
    if (word.starts_with(trust_options[2]))
      out.password = word.substr(trust_options[2].size());
  }
  return out.path.empty() ? std::nullopt : std::optional{std::move(out)};
}

std::optional<std::string> without_our_settings(std::string_view options, bool trust) {
  auto words = option_words(options);
  if (std::erase_if(words, [&](auto word) { return is_ours(word, trust); }) == 0)
    return std::nullopt;
  std::string out;
  for (auto word : words)
    (out += out.empty() ? "" : " ") += word;
  return out;
}

std::string java_options(std::string_view before, std::string_view proxy_url,
                         std::string_view trust_store) {
  std::string out;
  auto add = [&](std::string_view name, std::string_view value) {
    if (!out.empty())
      out += ' ';
    (out += name) += value;
  };
  for (auto word : option_words(before))
    if (!is_ours(word, !trust_store.empty()))
      add("", word);
  auto authority = proxy_url.substr(proxy_url.find("//") + 2);
  // It has no setting for credentials that all programs read, and prints these options.
  authority.remove_prefix(authority.rfind('@') + 1);
  auto colon = authority.rfind(':');
  for (size_t i = 0; i < std::size(proxy_options); ++i)
    add(proxy_options[i], i % 2 == 0 ? authority.substr(0, colon) : authority.substr(colon + 1));
  if (trust_store.empty())
    return out;
  add(trust_options[0], java_quoted(trust_store));
  add(trust_options[1], "PKCS12");
  add(trust_options[2], tls::java_store_password);
  return out;
}

} // namespace proxy
