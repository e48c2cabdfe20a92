#include "protocols/socks5/auth.hpp"

#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

namespace {

/// The negotiation has a version of its own (RFC 1929 §2).
constexpr uint8_t auth_version = 1;

} // namespace

decode_result<credentials> decode_credentials(std::string_view in) {
  if (!in.empty() && byte_at(in, 0) != auth_version)
    return malformed("authentication version at byte 0");
  if (in.size() < 2)
    return std::nullopt;
  size_t user_size = byte_at(in, 1);
  if (user_size == 0)
    return malformed("empty user at byte 1");
  auto user_end = 2 + user_size;
  if (in.size() <= user_end)
    return std::nullopt;
  auto size = user_end + 1 + byte_at(in, user_end);
  if (in.size() < size)
    return std::nullopt;
  return decoded<credentials>{
    {in.substr(2, user_size), in.substr(user_end + 1, size - user_end - 1)}, size};
}

std::string encode_auth_status(bool accepted) {
  return {static_cast<char>(auth_version), static_cast<char>(accepted ? 0 : 1)};
}

} // namespace proxy::socks5
