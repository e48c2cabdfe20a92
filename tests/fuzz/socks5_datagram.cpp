// A datagram of a SOCKS client.

#include <array>
#include <string>

#include "protocols/socks5/datagram.hpp"
#include "protocols/socks5/request.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using namespace proxy::socks5;

namespace {

/// The quick look at an address field and the thorough one must agree on where it ends.
void check_dropped(std::string_view in) {
  if (in.size() < datagram_fixed_bytes || in[0] != '\0' || in[1] != '\0')
    return;
  auto thorough = decode_address(in.substr(datagram_fixed_bytes));
  require(!thorough || !*thorough, "no good datagram is dropped");
}

void check_address(std::string_view address) {
  auto to = read_address(address);
  auto same = decode_request("\x05\x03" + std::string{'\0'}.append(address));
  require(!same || *same, "an address field is whole");
  require(to.engaged() == same.engaged(), "judged as in a request");
  if (!to)
    return;
  require(*to == (*same)->value.target, "read as in a request");
  std::array<char, max_datagram_header> header;
  auto size = write_datagram_header(header, to->host, to->port);
  auto got = decode_datagram({header.data(), size});
  require(got && got->data.empty() && got->frag == 0, "what was written decodes");
  auto again = read_address(got->address);
  require(again && (!to->host.scope().empty() || *again == *to), "to the same");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = view(data, size);
  auto got = decode_datagram(in);
  if (!got) {
    check_dropped(in);
    return 0;
  }
  require(got->data_offset() + got->data.size() == in.size(), "header and data are all there is");
  require(got->data_offset() <= max_datagram_header, "a header has a limit");
  require(got->address[0] != '\x03' || got->address.size() > 4, "a name is not empty");
  for (size_t end = 0; end < got->data_offset(); ++end)
    require(!decode_datagram(exact_copy{in.substr(0, end)}.view()), "half a header is dropped");
  std::array<char, max_datagram_header> header;
  auto written = write_datagram_header(header, got->address);
  header[2] = static_cast<char>(got->frag);
  require(in.starts_with(std::string_view{header.data(), written}), "header encodes back");
  check_address(got->address);
  return 0;
}
