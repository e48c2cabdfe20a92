// The messages that a SOCKS client sends over TCP. All of them are tried on each input: their first
// bytes tell them apart.

#include <array>
#include <string>

#include "protocols/socks5/auth.hpp"
#include "protocols/socks5/greeting.hpp"
#include "protocols/socks5/reply.hpp"
#include "protocols/socks5/request.hpp"
#include "tests/fuzz/stepwise.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using namespace proxy::socks5;

namespace {

std::string with_length(std::string_view bytes) {
  return static_cast<char>(bytes.size()) + std::string{bytes};
}

void check_greeting(std::string_view in) {
  auto got = decode(decode_greeting, in);
  if (!got)
    return;
  auto& value = got->value;
  require('\x05' + with_length(value.methods) == in.substr(0, got->size), "greeting encodes back");
  bool plain = value.methods.find('\0') != std::string_view::npos;
  require(value.offers(method::no_authentication) == plain, "offers what it lists");
}

void check_credentials(std::string_view in) {
  auto got = decode(decode_credentials, in);
  if (!got)
    return;
  auto& [user, password] = got->value;
  require('\x01' + with_length(user) + with_length(password) == in.substr(0, got->size),
          "credentials encode back");
  require(!user.empty(), "a user has a name");
}

void check_request(std::string_view in) {
  auto got = decode(decode_request, in);
  if (!got)
    return;
  auto& [command, target] = got->value;
  std::array<char, max_address_bytes> address;
  auto size = write_address(address, target.host, target.port);
  auto again = std::string{'\x05', static_cast<char>(command), '\0'}.append(address.data(), size);
  // A name may have been normalised, and a scope is lost.
  if (in[3] != '\x03')
    require(again == in.substr(0, got->size), "a literal encodes back");
  if (!target.host.scope().empty())
    return;
  auto second = decode_request(again);
  require(second && *second && (*second)->size == again.size(), "what was encoded decodes");
  require((*second)->value == got->value, "to the same");
  if (target.host.ip()) {
    auto reply = encode_reply(reply_code::succeeded, *target.host.ip(), target.port);
    require(reply.substr(3) == again.substr(3), "a reply spells an address like a request");
  }
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = view(data, size);
  check_greeting(in);
  check_credentials(in);
  check_request(in);
  return 0;
}
