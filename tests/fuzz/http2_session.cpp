// What a client sends on an HTTP/2 connection, behind the preface. Streams are answered as they
// come.

#include "protocols/http2/session.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;

namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view empty_settings{"\0\0\0\4\0\0\0\0\0", 9};

/// Sends what there is. @returns how much.
size_t send(http2::session& s) {
  size_t size = 0;
  for (auto bytes = s.output(); !bytes.empty(); bytes = s.output())
    size += bytes.size();
  return size;
}

void serve(http2::session& s, size_t number) {
  char buffer[512];
  while (auto* opened = s.accept()) {
    size_t read = 0;
    for (size_t got; (got = opened->read(buffer)) > 0;)
      read += got;
    require(read > 0, "a stream begins with a head");
    if (number % 3 == 0)
      (void)opened->write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    else if (number % 3 == 1)
      (void)opened->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    number % 2 == 0 ? opened->release() : opened->abort();
    ++number;
  }
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  http2::session_limits limits;
  limits.head = {2048, 20};
  http2::session session{http2::role::server, limits};
  require(!session.receive(preface), "a preface is one");
  require(!session.receive(empty_settings), "settings follow it");
  auto rest = view(data, size);
  // In pieces whose size the input chooses.
  auto piece = rest.empty() ? 1 : 1 + static_cast<uint8_t>(rest[0]) % 64;
  size_t sent = 0, number = 0;
  while (!rest.empty() && !session.is_over()) {
    auto part = exact_copy{rest.substr(0, piece)};
    rest.remove_prefix(part.view().size());
    if (session.receive(part.view()))
      break;
    serve(session, number++);
    sent += send(session);
  }
  require(sent < 4096 + 1024 * size, "answers are bounded by what was asked");
  session.lose();
  require(session.stream_count() == 0, "no stream is left");
  return 0;
}
