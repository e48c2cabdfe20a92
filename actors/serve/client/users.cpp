#include "actors/serve/client/users.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "actors/serve/client/client_session.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/credentials.hpp"
#include "protocols/known_word.hpp"

namespace proxy {

namespace {

/// Longest password that may be configured, in bytes.
constexpr size_t max_password = 255;

/// Compares in a time that does not tell how much of it was right.
bool same_secret(std::string_view shown, std::string_view secret) {
  std::array<char, max_password> a{}, b{};
  shown.copy(a.data(), a.size());
  secret.copy(b.data(), b.size());
  auto same = CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
  OPENSSL_cleanse(a.data(), a.size());
  OPENSSL_cleanse(b.data(), b.size());
  return same && shown.size() == secret.size();
}

const config::socks_user* find_user(const config::proxy_config& config, std::string_view name) {
  const auto& users = config.socks_users;
  auto at = std::find_if(users.begin(), users.end(), [&](const auto& u) { return u.name == name; });
  return at == users.end() ? nullptr : &*at;
}

/// One value of Proxy-Authorization. @returns the user it proves to be, "" for nobody.
std::string user_of(std::string_view value, const config::proxy_config& config) {
  auto shown = http1::decode_basic(value);
  if (!shown)
    return {};
  auto colon = shown->find(':');
  std::string_view text{*shown};
  auto name = shown->substr(0, colon);
  auto known = is_user(config, name, text.substr(colon + 1));
  OPENSSL_cleanse(shown->data(), shown->size());
  return known ? name : std::string{};
}

} // namespace

bool is_user(const config::proxy_config& config, std::string_view name, std::string_view password) {
  auto known = false;
  for (const auto& user : config.socks_users) {
    auto same = same_secret(password, user.password);
    known |= same && !user.password.empty() && user.name == name;
  }
  return known;
}

login read_login(const http1::request& req, const config::proxy_config& config, std::string& user) {
  auto out = login::none;
  std::string first;
  for (const auto& f : req.fields) {
    if (!ascii::is<"proxy-authorization">(f.name))
      continue;
    auto name = user_of(f.value, config);
    if (name.empty() || (out != login::none && name != first))
      return login::wrong;
    first = std::move(name);
    out = login::right;
  }
  user = std::move(first);
  return out;
}

policy::denial client_required() {
  policy::denial out;
  out.reason = policy::reason::client_required;
  out.source = policy::source::proxy_state;
  out.domain_scope = false;
  return out;
}

std::optional<policy::denial> judge_user(const snapshot& in_force, const client_session& c) {
  const auto& config = *in_force.config;
  if (config.socks_users.empty() || (c.known_as && c.known_as->vouched_by == in_force.config))
    return std::nullopt;
  const auto* then = c.known_as ? find_user(*c.known_as->vouched_by, c.user()) : nullptr;
  const auto* now = find_user(config, c.user());
  if (then && now && then->password == now->password)
    return std::nullopt;
  return client_required();
}

} // namespace proxy
