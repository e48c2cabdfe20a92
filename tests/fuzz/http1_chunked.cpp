// A chunked body, in pieces of several sizes.

#include <algorithm>

#include "protocols/http1/chunked.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using http1::chunked_decoder;

namespace {

constexpr size_t max_trailer = 64;

/// What following a body came to.
struct result {
  bool good = true;
  bool done = false;
  size_t size = 0; ///< Bytes that belong to the body, when it is good.

  friend bool operator==(const result&, const result&) = default;
};

/// @param skip  Move data without showing it, as a relay does.
result follow(std::string_view in, size_t piece, bool skip, http1::chunk_rules rules) {
  chunked_decoder decoder{max_trailer, rules};
  auto left = in;
  while (!left.empty() && !decoder.done()) {
    if (auto data = std::min<uint64_t>(decoder.pending_data(), left.size()); skip && data > 0) {
      decoder.skip(data);
      left.remove_prefix(static_cast<size_t>(data));
      continue;
    }
    exact_copy part{left.substr(0, piece)};
    auto taken = decoder.consume(part.view());
    if (!taken)
      return {false, false, 0};
    require(*taken == part.view().size() || (decoder.done() && *taken < part.view().size()),
            "takes all but what lies behind the body");
    left.remove_prefix(*taken);
  }
  return {true, decoder.done(), in.size() - left.size()};
}

void check(std::string_view in, http1::chunk_rules rules) {
  auto whole = follow(in, in.size(), false, rules);
  for (size_t piece : {size_t{1}, size_t{3}, in.size()})
    for (bool skip : {false, true})
      require(follow(in, piece, skip, rules) == whole, "pieces change nothing");
  if (!whole.done)
    return;
  auto body = in.substr(0, whole.size);
  require(follow(body, body.size(), false, rules) == whole,
          "what lies behind a body changes nothing");
  auto shorter = follow(body.substr(0, body.size() - 1), body.size(), false, rules);
  require(shorter.good && !shorter.done, "a body ends with its last byte");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = view(data, size);
  check(in, http1::chunk_rules::strict);
  check(in, http1::chunk_rules::lenient);
  auto strict = follow(in, in.size(), false, http1::chunk_rules::strict);
  require(!strict.good || follow(in, in.size(), false, http1::chunk_rules::lenient) == strict,
          "what is borne of requests is borne of responses");
  return 0;
}
