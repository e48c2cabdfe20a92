#pragma once

#include <caf/expected.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy {

/// A decoded value and how many bytes of the input it took.
template <class T>
struct decoded {
  T value;
  size_t size;
};

/// The result of decoding a prefix of a stream: a value, `nullopt` while bytes are missing,
/// or an error at the first wrong byte.
template <class T>
using decode_result = caf::expected<std::optional<decoded<T>>>;

} // namespace proxy
