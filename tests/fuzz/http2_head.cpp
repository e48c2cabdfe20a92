// The field section of an HTTP/2 request or response: a line each, "name value". The first byte
// chooses which.

#include <algorithm>

#include "protocols/http1/decode.hpp"
#include "protocols/http2/head.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;

namespace {

constexpr http1::head_limits limits{4096, 50};

http2::field_section read_section(std::string_view lines) {
  http2::field_section section{limits};
  while (!lines.empty()) {
    auto line = take_line(lines);
    auto end = line.find(' ');
    if (end != std::string_view::npos)
      section.add(line.substr(0, end), line.substr(end + 1));
  }
  return section;
}

/// Nobody finds a second head in the text, or none; what stands in for one that is too large meets
/// the limit that the section met. @returns whether it is the section's own.
bool require_one_head(const http2::field_section& section, const std::string& text) {
  using excess = http2::field_section::excess;
  if (section.too_large() == excess::bytes) {
    require(text.size() > limits.max_bytes, "too many bytes stay too many");
    return false;
  }
  require(http1::find_head_end(text) == text.size(), "one head is one head");
  if (section.too_large() == excess::none)
    return true;
  auto lines = static_cast<size_t>(std::ranges::count(text, '\n'));
  require(lines - 2 > limits.max_fields, "too many fields stay too many");
  return false;
}

void try_request(const http2::field_section& section, bool ended) {
  http2::exchange_facts facts, again;
  auto spelled = http2::spell_request(section, ended, facts);
  if (!spelled || !require_one_head(section, spelled->text))
    return;
  http1::request req;
  if (http1::decode_request(spelled->text, {8192, 100}, req))
    return; // refused: a second Host, a bad length …
  auto websocket = !facts.websocket_key.empty();
  require(req.body == (websocket ? http1::framing::none : spelled->body) ||
            (req.body == http1::framing::length && req.content_length == 0),
          "the framing is what the text says");
  auto fields = http2::to_fields(req, again);
  require(facts.to_head == again.to_head, "HEAD stays HEAD");
  require(fields.front().name == ":method" && fields.front().value == section.value_of(":method"),
          "the method stays");
}

void try_response(const http2::field_section& section, bool ended, bool to_head) {
  http2::exchange_facts facts;
  facts.to_head = to_head;
  auto spelled = http2::spell_response(section, ended, facts);
  if (!spelled || !require_one_head(section, spelled->text))
    return;
  http1::response res;
  if (http1::decode_response(spelled->text, {8192, 100}, to_head, false, res))
    return;
  require(http2::to_fields(res, facts).front().value == section.value_of(":status"),
          "the status stays");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  auto section = read_section(view(data + 1, size - 1));
  auto ended = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0)
    try_request(section, ended);
  else
    try_response(section, ended, (data[0] & 4) != 0);
  auto trailers = http2::spell_trailers(section);
  require(trailers.find("\r\n\r\n") == std::string::npos, "trailers do not end early");
  for (const auto& f : http2::to_trailer_fields(trailers))
    require(!f.name.empty() && f.name.front() != ':', "trailers have no pseudo fields");
  return 0;
}
