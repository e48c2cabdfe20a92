#define CAF_SUITE protocols.http1_llhttp
#include "protocols/http1/decode.hpp" // unit under test

#include <algorithm>
#include <llhttp.h>
#include <random>

#include "protocols/ascii.hpp"
#include "protocols/http1/rewrite.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::literals;

// The decoder is our own (see protocols/README.md). llhttp, which half the web is parsed with, is
// its witness: whatever we accept, it must accept and read alike.

namespace {

/// What llhttp read.
struct reading {
  bool good = false;
  std::string start; ///< Target, or reason.
  std::string fields;
  bool chunked = false;
  std::optional<uint64_t> length;
  unsigned status = 0;
};

reading& of(llhttp_t* parser) { return *static_cast<reading*>(parser->data); }

int on_start(llhttp_t* parser, const char* at, size_t size) {
  of(parser).start.append(at, size);
  return 0;
}

int on_field(llhttp_t* parser, const char* at, size_t size) {
  of(parser).fields.append(at, size);
  return 0;
}

int on_field_end(llhttp_t* parser) {
  auto& fields = of(parser).fields;
  while (!fields.empty() && ascii::is_blank(fields.back())) // it leaves blanks behind a value
    fields.pop_back();
  fields += '|';
  return 0;
}

int on_head_end(llhttp_t* parser) {
  auto& all = of(parser);
  all.good = true;
  all.chunked = (parser->flags & F_CHUNKED) != 0;
  if ((parser->flags & F_CONTENT_LENGTH) != 0)
    all.length = parser->content_length;
  all.status = parser->status_code;
  return HPE_PAUSED;
}

reading read_by_llhttp(std::string_view head, llhttp_type_t type) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = on_start;
  settings.on_status = on_start;
  settings.on_header_field = on_field;
  settings.on_header_value = on_field;
  settings.on_header_field_complete = on_field_end;
  settings.on_header_value_complete = on_field_end;
  settings.on_headers_complete = on_head_end;
  reading all;
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &all;
  llhttp_execute(&parser, head.data(), head.size());
  return all;
}

/// Whether llhttp has nothing to say about a head: it refuses repeated equal lengths, which we send
/// on once (RFC 9110 §8.6), and tabs behind a value, which we take off (§5.6.3).
bool is_beyond_llhttp(std::string_view text, const head& h) {
  auto lists = [](auto& f) { // of responses we bear repetitions and empty elements
    return (ascii::equals_ignoring_case(f.name, "content-length") ||
            ascii::equals_ignoring_case(f.name, "transfer-encoding")) &&
           (f.value.empty() || f.value.find(',') != std::string_view::npos);
  };
  return text.find("\t\r") != std::string_view::npos || std::ranges::any_of(h.fields, lists) ||
         std::ranges::count_if(h.fields, [](auto& f) {
           return ascii::equals_ignoring_case(f.name, "content-length");
         }) > 1;
}

std::string flat(const head& h) {
  std::string all;
  for (auto& [name, value] : h.fields)
    all.append(name).append("|").append(value).append("|");
  return all;
}

const std::string good_lines[] = {
  "Content-Length: 5",
  "Content-Length: 05",
  "content-length:0",
  "Transfer-Encoding: chunked",
  "transfer-encoding:CHUNKED",
  "Connection: close",
  "Connection: keep-alive, x",
  "Upgrade: websocket",
  "Connection: upgrade",
  "Expect: 100-continue",
  "Accept: */*",
  "X: ",
  "X:",
  "X: a\tb",
  "X: caf\xc3\xa9",
  "Cookie: a=b; c=\"d\"",
  "User-Agent: Mozilla/5.0 (X11; Linux) like Gecko",
};

const std::string doubtful_lines[] = {
  "Host: a",
  "Content-Length: +5",
  "Content-Length: 5, 5",
  "Content-Length: 18446744073709551621",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: gzip, chunked",
  "X : a",
  " X: a",
  "X",
  "X: a\x7f",
  "X: \x01",
  "X: a\r",
  "X: a\nY: b",
};

const std::string request_lines[] = {
  "GET http://a HTTP/1.1",       "POST / HTTP/1.1", "GET / HTTP/1.0",
  "PUT http://a/b?c=d HTTP/1.1", "HEAD / HTTP/1.1", "OPTIONS * HTTP/1.1",
  "POST http://a:80/ HTTP/1.1",
};

/// llhttp knows a fixed list of methods, so one with a broken byte in it says nothing.
constexpr std::string_view methods[] = {"GET", "POST", "PUT", "HEAD", "OPTIONS"};

const std::string status_lines[] = {
  "HTTP/1.1 200 OK", "HTTP/1.0 404 Not Found", "HTTP/1.1 500 ", "HTTP/1.1 503", "HTTP/1.1 299 a\tb",
};

template <size_t N>
const std::string& draw(const std::string (&from)[N], std::mt19937& random) {
  return from[random() % N];
}

std::string draw_head(const std::string& start, std::mt19937& random) {
  auto head = start + "\r\n";
  for (auto n = random() % 6; n > 0; --n)
    head += (random() % 8 == 0 ? draw(doubtful_lines, random) : draw(good_lines, random)) + "\r\n";
  head += "\r\n";
  // Now and then a byte goes wrong.
  constexpr auto bytes = "\0\r\n\t :,;a5\x0b\x7f\x80"sv;
  if (random() % 4 == 0)
    head[random() % head.size()] = bytes[random() % bytes.size()];
  return head;
}

} // namespace

CAF_TEST(what we take for a request llhttp reads alike) {
  std::mt19937 random{1}; // the same heads every time
  size_t accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    auto head = draw_head(draw(request_lines, random) + "\r\nHost: a", random);
    request ours;
    request_target target;
    if (decode_request(head, {}, ours) || parse_target(ours, target) ||
        is_beyond_llhttp(head, ours) ||
        std::ranges::find(methods, ours.method) == std::end(methods))
      continue;
    ++accepted;
    auto theirs = read_by_llhttp(head, HTTP_REQUEST);
    bool alike = theirs.good && theirs.start == ours.target && theirs.fields == flat(ours) &&
                 theirs.chunked == (ours.body == framing::chunked) &&
                 theirs.length == (ours.body == framing::length ? std::optional{ours.content_length}
                                                                : std::nullopt);
    if (!alike)
      CAF_FAIL("read in two ways: " << head);
  }
  CAF_CHECK(accepted > 1000);
}

CAF_TEST(what we take for a response llhttp reads alike) {
  std::mt19937 random{2};
  size_t accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    auto head = draw_head(draw(status_lines, random), random);
    response ours;
    if (decode_response(head, {}, false, false, ours) || is_beyond_llhttp(head, ours))
      continue;
    ++accepted;
    auto theirs = read_by_llhttp(head, HTTP_RESPONSE);
    bool alike = theirs.good && theirs.status == ours.status && theirs.start == ours.reason &&
                 theirs.fields == flat(ours) && theirs.chunked == (ours.body == framing::chunked) &&
                 theirs.length == (ours.body == framing::length ? std::optional{ours.content_length}
                                                                : std::nullopt);
    if (!alike)
      CAF_FAIL("read in two ways: " << head);
  }
  CAF_CHECK(accepted > 1000);
}
