// The first bytes of a TLS connection.

#include "protocols/client_hello.hpp"

#include <algorithm>
#include <string>

#include "protocols/first_bytes.hpp"
#include "tests/fuzz/stepwise.hpp"

using namespace proxy;
using namespace proxy::fuzz;

namespace {

/// The message inside records, in records of its own of so many bytes.
std::string cut_anew(std::string_view in, size_t most) {
  std::string message, all;
  for (size_t at = 0; at < in.size();) {
    auto size = static_cast<uint8_t>(in[at + 3]) * size_t{256} + static_cast<uint8_t>(in[at + 4]);
    message += in.substr(at + 5, size);
    at += 5 + size;
  }
  for (size_t at = 0; at < message.size(); at += most) {
    auto part = std::string_view{message}.substr(at, most);
    all += {'\x16', '\x03', '\x03', static_cast<char>(part.size() >> 8),
            static_cast<char>(part.size() & 0xff)};
    all += part;
  }
  return all;
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto got = decode(decode_client_hello, view(data, size));
  if (!got)
    return 0;
  require(tell_first_bytes(view(data, size)) == first_bytes::tls, "a hello is known for one");
  auto& value = got->value;
  require(value.server_name.size() <= 255, "a server name has an end");
  require(std::ranges::all_of(value.server_name, [](char c) { return c > ' ' && c <= '~'; }),
          "a server name can be shown");
  require(value.protocols.size() <= max_client_hello_protocols, "protocols are few");
  require(got->size <= max_client_hello + 5 * max_client_hello_records, "a hello has an end");
  for (size_t most : {max_client_hello, max_client_hello / max_client_hello_records}) {
    auto other = cut_anew(view(data, got->size), most);
    auto again = decode_client_hello(other);
    require(again && *again && (*again)->size == other.size(), "cut anew it decodes");
    require((*again)->value == value, "to the same");
  }
  return 0;
}
