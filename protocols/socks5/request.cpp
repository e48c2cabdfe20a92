#include "protocols/socks5/request.hpp"

#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

namespace {

/// VER, CMD and RSV.
constexpr size_t fixed_bytes = 3;

caf::error check_fixed(std::string_view in) {
  if (!in.empty() && byte_at(in, 0) != version)
    return malformed("version at byte 0");
  if (in.size() > 1 && (byte_at(in, 1) < 1 || byte_at(in, 1) > 3))
    return caf::make_error(errc::unsupported_command,
                           "socks5 command " + std::to_string(byte_at(in, 1)));
  if (in.size() > 2 && byte_at(in, 2) != 0)
    return malformed("reserved byte at byte 2");
  return {};
}

} // namespace

decode_result<request> decode_request(std::string_view in) {
  if (auto wrong = check_fixed(in))
    return wrong;
  if (in.size() <= fixed_bytes)
    return std::nullopt;
  auto to = decode_address(in.substr(fixed_bytes));
  if (!to)
    return std::move(to.error());
  if (!*to)
    return std::nullopt;
  auto& [target, size] = **to;
  return decoded<request>{{static_cast<command>(byte_at(in, 1)), std::move(target)},
                          fixed_bytes + size};
}

} // namespace proxy::socks5
