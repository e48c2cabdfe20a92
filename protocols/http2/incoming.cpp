#include "protocols/http2/incoming.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace proxy::http2 {

namespace {

/// A buffer that grew beyond this is given back once it is empty.
constexpr size_t kept_capacity = 16 * 1024;

} // namespace

void incoming_message::add_data(std::string_view bytes) {
  if (bytes.empty())
    return; // an empty chunk would end the body
  data_ += bytes.size();
  if (framing_ != http1::framing::chunked) {
    text_ += bytes;
    return;
  }
  std::array<char, 16> size{};
  auto [end, error] = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16);
  text_.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

void incoming_message::end(std::string_view trailers) {
  if (framing_ == http1::framing::chunked)
    text_.append("0\r\n").append(trailers).append("\r\n");
  ended_ = true;
}

size_t incoming_message::read(std::span<char> into) noexcept {
  auto size = std::min(into.size(), text_.size() - read_);
  std::memcpy(into.data(), text_.data() + read_, size);
  read_ += size;
  // Heads and framing are in the text, too, so that credit may come early by as much.
  auto data = std::min(size, data_);
  data_ -= data;
  credit_ += data;
  if (read_ < text_.size())
    return size;
  credit_ += std::exchange(data_, 0);
  text_.clear();
  read_ = 0;
  if (text_.capacity() > kept_capacity)
    text_.shrink_to_fit();
  return size;
}

size_t incoming_message::take_credit() noexcept { return std::exchange(credit_, 0); }

} // namespace proxy::http2
