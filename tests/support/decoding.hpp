#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocols/decode.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

/// A copy that ends where its memory does: sanitizers see a read behind it.
inline std::vector<char> exact_copy(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

/// Checks that `message` decodes to `value`: whole, with bytes to spare, and not before its last
/// byte has come.
template <class T>
void check_decodes(decode_result<T> (*decode)(std::string_view), std::string_view message,
                   const T& value) {
  for (auto& spare : {std::string{}, std::string{'\0'}, std::string{"\x05\x01"}}) {
    auto all = std::string{message} + spare;
    auto got = decode(all);
    CAF_REQUIRE(got && *got);
    CAF_CHECK((*got)->value == value);
    CAF_CHECK_EQUAL((*got)->size, message.size());
  }
  for (size_t size = 0; size < message.size(); ++size) {
    auto come = exact_copy(message.substr(0, size));
    auto got = decode({come.data(), come.size()});
    CAF_CHECK(got && !*got);
  }
}

/// Checks that `message` is refused with `code` once `size` bytes of it have come, not before, and
/// whatever follows.
template <class T>
void check_refuses(decode_result<T> (*decode)(std::string_view), std::string_view message,
                   size_t size, errc code) {
  CAF_REQUIRE(size <= message.size());
  for (size_t end = 0; end <= message.size(); ++end) {
    auto come = exact_copy(message.substr(0, end));
    auto got = decode({come.data(), come.size()});
    CAF_CHECK_EQUAL(error_of(got), end < size ? errc{} : code);
    CAF_CHECK(!got || !*got);
  }
}

} // namespace proxy::test
