#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace proxy::simulate {

/// What a message with a number consists of: each byte tells whose it is, and where it stands.
inline char byte_of(uint64_t id, uint64_t at) {
  return static_cast<char>('a' + (id * 7 + at * 31 + at / 97) % 26);
}

inline std::string bytes_of(uint64_t id, uint64_t from, size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i)
    out[i] = byte_of(id, from + i);
  return out;
}

inline bool are_bytes_of(uint64_t id, uint64_t from, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != byte_of(id, from + i))
      return false;
  return true;
}

} // namespace proxy::simulate
