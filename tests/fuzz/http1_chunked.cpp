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
result follow(std::string_view in, size_t piece, bool skip) {
  chunked_decoder decoder{max_trailer};
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

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = view(data, size);
  auto whole = follow(in, in.size(), false);
  for (size_t piece : {size_t{1}, size_t{3}, in.size()})
    for (bool skip : {false, true})
      require(follow(in, piece, skip) == whole, "pieces change nothing");
  if (!whole.done)
    return 0;
  auto body = in.substr(0, whole.size);
  require(follow(body, body.size(), false) == whole, "what lies behind a body changes nothing");
  auto shorter = follow(body.substr(0, body.size() - 1), body.size(), false);
  require(shorter.good && !shorter.done, "a body ends with its last byte");
  return 0;
}
