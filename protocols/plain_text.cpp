#include "protocols/plain_text.hpp"

#include "protocols/byte_word.hpp"

namespace proxy {

namespace {

uint64_t odd_bytes(uint64_t word) noexcept {
  using namespace byte_word;
  return (word & high_bits) | below(word, 0x20) | equal(word, 0x7f) | equal(word, '"') |
         equal(word, '\\');
}

} // namespace

size_t plain_prefix(std::string_view text) noexcept {
  size_t at = 0;
  for (; at + byte_word::size <= text.size(); at += byte_word::size)
    if (auto odd = odd_bytes(byte_word::load(text.data() + at)))
      return at + byte_word::first(odd);
  for (; at < text.size(); ++at)
    if (auto c = text[at]; c < 0x20 || c == 0x7f || c == '"' || c == '\\')
      break;
  return at;
}

} // namespace proxy
