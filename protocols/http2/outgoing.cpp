#include "protocols/http2/outgoing.hpp"

#include <algorithm>
#include <cstring>

#include "protocols/http1/decode.hpp"

namespace proxy::http2 {

std::optional<size_t> outgoing_message::write(std::string_view bytes) {
  size_t taken = 0;
  while (taken < bytes.size() && phase_ != phase::whole_head) {
    auto rest = bytes.substr(taken);
    std::optional<size_t> step;
    switch (phase_) {
      case phase::head: step = write_head(rest); break;
      case phase::chunks: step = write_chunks(rest); break;
      case phase::length:
        step = keep(rest.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, rest.size()))));
        left_ -= *step;
        if (left_ == 0)
          phase_ = phase::done;
        break;
      case phase::open: step = keep(rest); break;
      default: return std::nullopt; // bytes behind the end
    }
    if (!step)
      return std::nullopt;
    if (*step == 0)
      break;
    taken += *step;
  }
  return taken;
}

std::optional<size_t> outgoing_message::write_head(std::string_view bytes) {
  auto before = head_.size();
  head_.append(bytes);
  auto end = http1::find_head_end(head_, scanned_);
  scanned_ = head_.size();
  if (end.value_or(head_.size()) > max_head_)
    return std::nullopt;
  if (!end)
    return bytes.size();
  head_.resize(*end);
  phase_ = phase::whole_head;
  return *end - before;
}

void outgoing_message::skip_head() {
  head_.clear();
  scanned_ = 0;
  phase_ = phase::head;
}

void outgoing_message::begin_body(http1::framing how, uint64_t length) {
  std::string{}.swap(head_);
  left_ = length;
  switch (how) {
    case http1::framing::none: phase_ = phase::done; break;
    case http1::framing::length: phase_ = length > 0 ? phase::length : phase::done; break;
    case http1::framing::until_close: phase_ = phase::open; break;
    case http1::framing::chunked:
      phase_ = phase::chunks;
      // Who wrote it has judged it already.
      chunks_.emplace(http1::chunk_rules::lenient);
      break;
  }
}

void outgoing_message::finish() noexcept {
  if (phase_ == phase::open)
    phase_ = phase::done;
}

size_t outgoing_message::keep(std::string_view bytes) {
  auto size = std::min(bytes.size(), room_ - std::min(room_, pending()));
  data_.append(bytes.substr(0, size));
  return size;
}

std::optional<size_t> outgoing_message::write_chunks(std::string_view bytes) {
  if (auto inside = chunks_->pending_data(); inside > 0) {
    auto size =
      keep(bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(inside, bytes.size()))));
    chunks_->skip(size);
    return size;
  }
  // Framing goes a byte at a time: where it turns into data is for the decoder to know.
  if (chunks_->in_trailer())
    trailers_ += bytes[0];
  auto taken = chunks_->consume(bytes.substr(0, 1));
  if (!taken)
    return std::nullopt;
  if (chunks_->done()) {
    trailers_.resize(trailers_.size() - 2); // the empty line
    phase_ = phase::done;
  }
  return *taken;
}

size_t outgoing_message::take(std::span<unsigned char> into) noexcept {
  auto size = std::min(into.size(), pending());
  std::memcpy(into.data(), data_.data() + sent_, size);
  sent_ += size;
  if (sent_ == data_.size()) {
    data_.clear();
    sent_ = 0;
  } else if (sent_ >= max_data) {
    data_.erase(0, sent_);
    sent_ = 0;
  }
  return size;
}

} // namespace proxy::http2
