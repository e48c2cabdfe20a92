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

/// The size of a chunk in hexadecimal, and the two line ends around its data.
constexpr size_t chunk_framing = 16 + 4;

/// Into less room than this a chunk is not written directly.
constexpr size_t direct_room = 256;

void empty(std::string& buffer) {
  if (buffer.capacity() > kept_capacity)
    std::string{}.swap(buffer);
  else
    buffer.clear();
}

/// Writes the line before a chunk's data. @returns how long it is.
size_t put_chunk_size(char* into, size_t size) {
  auto* end = std::to_chars(into, into + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return static_cast<size_t>(end - into);
}

} // namespace

void incoming_message::add_data(std::string_view bytes) {
  // A reader that is always a little behind must not make what it has read pile up.
  if (taken_ > 0 && taken_ >= data_.size() - taken_) {
    data_.erase(0, taken_);
    taken_ = 0;
  }
  data_ += bytes;
}

void incoming_message::end(std::string_view trailers) {
  if (framing_ == http1::framing::chunked)
    tail_.append("0\r\n").append(trailers).append("\r\n");
  phase_ = phase::whole;
}

size_t incoming_message::read(std::span<char> into) {
  size_t done = 0;
  while (done < into.size()) {
    if (read_ < text_.size()) {
      auto size = std::min(into.size() - done, text_.size() - read_);
      std::memcpy(into.data() + done, text_.data() + read_, size);
      read_ += size;
      done += size;
      if (read_ == text_.size()) {
        empty(text_);
        read_ = 0;
      }
    } else if (taken_ < data_.size()) {
      done += read_data(into.subspan(done));
    } else if (!tail_.empty()) {
      text_ = std::exchange(tail_, {});
    } else {
      break;
    }
  }
  return done;
}

size_t incoming_message::read_data(std::span<char> into) {
  auto left = data_.size() - taken_;
  if (framing_ != http1::framing::chunked) {
    auto size = std::min(into.size(), left);
    take(into.data(), size);
    return size;
  }
  if (into.size() < std::min(left, direct_room) + chunk_framing) {
    // A chunk that is read in pieces lies in the text.
    auto size = std::min(left, direct_room);
    std::array<char, chunk_framing> line;
    text_.assign(line.data(), put_chunk_size(line.data(), size));
    auto begin = text_.size();
    text_.resize(begin + size);
    take(text_.data() + begin, size);
    text_ += "\r\n";
    return 0;
  }
  auto size = std::min(left, into.size() - chunk_framing);
  auto used = put_chunk_size(into.data(), size);
  take(into.data() + used, size);
  used += size;
  into[used++] = '\r';
  into[used++] = '\n';
  return used;
}

void incoming_message::take(char* into, size_t size) noexcept {
  std::memcpy(into, data_.data() + taken_, size);
  taken_ += size;
  credit_ += size;
  if (taken_ == data_.size()) {
    empty(data_);
    taken_ = 0;
  }
}

size_t incoming_message::take_credit() noexcept { return std::exchange(credit_, 0); }

} // namespace proxy::http2
