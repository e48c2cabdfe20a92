#include "actors/clients/client_url.hpp"

#include <algorithm>
#include <charconv>

#include "protocols/ascii.hpp"
#include "protocols/ip_address.hpp"

namespace proxy {

namespace {

/// What may stand in the user part of a URL, all else escaped (RFC 3986 §2.3).
std::string url_encoded(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (ascii::is_alpha(c) || ascii::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
      out += c;
    else
      ((out += '%') += hex[byte >> 4]) += hex[byte & 15];
  }
  return out;
}

} // namespace

std::string url_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    auto end = text.data() + std::min(i + 3, text.size());
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, end, byte, 16).ptr == end) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<std::string> url_for_clients(const config::listen_address& listener) {
  auto ip = ip_address::parse(listener.ip);
  if (!ip || listener.port == 0 || !listener.path.empty())
    return std::nullopt;
  if (*ip == ip_address::v4(0))
    ip = ip_address::parse("127.0.0.1");
  else if (*ip == ip_address{})
    ip = ip_address::parse("::1");
  auto text = ip->is_v4() ? ip->str() : '[' + ip->str() + ']';
  return "http://" + text + ':' + std::to_string(listener.port);
}

std::string with_login(std::string url, const config::socks_user& user) {
  constexpr std::string_view scheme = "http://";
  auto login = url_encoded(user.name) + ':' + url_encoded(user.password) + '@';
  return url.insert(scheme.size(), login);
}

const config::socks_user* choose_user(const config::proxy_config& config, std::string_view name) {
  auto usable = [&](const config::socks_user& u) {
    return !u.password.empty() && (name.empty() || u.name == name) &&
           u.name.find(':') == std::string::npos; // no such name in a URL, nor in HTTP
  };
  const auto& users = config.socks_users;
  auto at = std::ranges::find_if(users, usable);
  return at == users.end() ? nullptr : &*at;
}

std::string log_in(std::string& url, const config::proxy_config& config, std::string_view name) {
  if (config.socks_users.empty())
    return name.empty() ? "" : "there are no socks_users";
  const auto* user = choose_user(config, name);
  if (!user)
    return "the proxy asks who its clients are (socks_users), and " +
           (name.empty() ? "no password of theirs" : "the password of " + std::string{name}) +
           " is to be found here";
  url = with_login(std::move(url), *user);
  return {};
}

} // namespace proxy
