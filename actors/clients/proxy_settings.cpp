#include "actors/clients/proxy_settings.hpp"

#include <algorithm>
#include <charconv>

#include "protocols/ascii.hpp"

namespace proxy {

namespace {

constexpr std::string_view curl_mark = "\n# codex-network-proxy:\n";

/// Takes the first line off, with its end.
std::string_view take_line(std::string_view& text) {
  auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

} // namespace

std::string wget_name(std::string_view line) {
  auto equals = line.find('=');
  std::string out;
  auto begins = line.find_first_not_of(" \t");
  if (equals != std::string_view::npos && line[begins] != '#')
    for (auto c : line.substr(0, equals))
      if (ascii::is_alpha(c))
        out += ascii::to_lower(c);
  return out;
}

std::string without_wget_proxies(std::string_view settings) {
  std::string out;
  while (!settings.empty())
    if (auto line = take_line(settings); wget_name(line).find("proxy") == std::string::npos)
      out += line;
  return out;
}

std::string wget_proxies(const std::string& proxy_url) {
  std::string out = "use_proxy = on\n";
  for (const auto* name : {"http_proxy", "https_proxy", "ftp_proxy"})
    ((out += name) += " = ") += proxy_url + '\n';
  // An empty value empties the list, others are added to it.
  ((out += "no_proxy =\nno_proxy = ") += reached_directly) += '\n';
  return out;
}

std::string curl_settings(std::string_view own, const std::string& proxy_url) {
  std::string out{own.substr(0, own.rfind(curl_mark))};
  out += curl_mark;
  out += "proxy = \"" + proxy_url + "\"\n";
  ((out += "noproxy = \"") += reached_directly) += "\"\n";
  return out;
}

git_settings read_git_settings(std::string_view told) {
  git_settings out;
  while (!told.empty()) {
    // "key\nvalue\0", or "key\0" where there is no value.
    auto entry = told.substr(0, told.find('\0'));
    told.remove_prefix(std::min(entry.size() + 1, told.size()));
    std::string key{entry.substr(0, entry.find('\n'))};
    if (key == "core.sshcommand")
      out.has_ssh = true;
    else if (std::ranges::find(out.proxy_keys, key) == out.proxy_keys.end())
      out.proxy_keys.push_back(std::move(key));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> git_variables(const std::vector<std::string>& keys,
                                                               const std::string& value,
                                                               const config::environment& env) {
  std::vector<std::pair<std::string, std::string>> out;
  size_t count = 0;
  auto add = [&](const std::string& key, const std::string& of_key) {
    auto number = std::to_string(count++);
    out.emplace_back("GIT_CONFIG_KEY_" + number, key);
    out.emplace_back("GIT_CONFIG_VALUE_" + number, of_key);
  };
  if (keys.empty())
    return out;
  size_t before = 0;
  auto text = env("GIT_CONFIG_COUNT").value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), before);
  for (size_t n = 0; n < before; ++n) {
    auto key = env("GIT_CONFIG_KEY_" + std::to_string(n));
    if (!key)
      break; // git would not start with such
    if (std::ranges::find(keys, *key) == keys.end())
      add(*key, env("GIT_CONFIG_VALUE_" + std::to_string(n)).value_or(""));
  }
  for (const auto& key : keys)
    add(key, value);
  out.emplace_back("GIT_CONFIG_COUNT", std::to_string(count));
  return out;
}

} // namespace proxy
