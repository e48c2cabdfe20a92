// A response head: decoded, and written anew. The first byte says what was asked.

#include <string>

#include "protocols/http1/rewrite.hpp"
#include "tests/fuzz/http1_head.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using namespace proxy::http1;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  bool to_head = (data[0] & 1) != 0;
  bool to_connect = (data[0] & 2) != 0;
  auto in = cut_head(view(data + 1, size - 1));
  response res;
  if (in.empty() || decode_response(in, limits, to_head, to_connect, res))
    return 0;
  require(res.status >= 100 && res.status <= 999, "a status has three digits");
  check_fields(res, in);
  require(res.body != framing::until_close || !res.keep_alive, "a body until close ends it");
  require(!to_head || res.body == framing::none, "nothing follows the answer to HEAD");

  rewrite_options options{
    .via = "p", .keep_upgrade = (data[0] & 4) != 0, .close = (data[0] & 8) != 0};
  std::string text;
  rewrite_response(res, options, text);
  response after;
  require(find_head_end(text) == text.size(), "a rewritten head is one head");
  require(!decode_response(text, wider, to_head, to_connect, after), "a rewritten head decodes");
  require(after.status == res.status && after.reason == res.reason, "the status is the same");
  require(framed_alike(after, res), "the body is the same");
  require(!after.find("x-proxy-error"), "no origin speaks for us");
  return 0;
}
