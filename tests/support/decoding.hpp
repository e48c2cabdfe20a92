#pragma once

#include <string>
#include <string_view>

#include "protocols/decode.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

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
    auto got = decode(message.substr(0, size));
    CAF_CHECK(got && !*got);
  }
}

/// Checks that `message` is refused with `code` once `size` bytes of it have come, not before, and
/// whatever follows.
template <class T>
void check_refuses(decode_result<T> (*decode)(std::string_view), std::string_view message,
                   size_t size, errc code) {
  CAF_REQUIRE(size <= message.size());
  for (size_t come = 0; come <= message.size(); ++come) {
    auto got = decode(message.substr(0, come));
    CAF_CHECK_EQUAL(error_of(got), come < size ? errc{} : code);
    CAF_CHECK(!got || !*got);
  }
}

} // namespace proxy::test
