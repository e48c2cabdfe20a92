#include "actors/http2/stream.hpp"

#include <cerrno>

namespace proxy {

http2_stream::~http2_stream() {
  if (!aborted_)
    stream_.release();
  link_->schedule();
}

io_result http2_stream::read(std::span<char> into) {
  if (auto size = stream_.read(into); size > 0) {
    link_->schedule(); // the peer may send more
    return {io_result::status::ok, 0, size};
  }
  if (stream_.ended())
    return {io_result::status::end, 0, 0};
  if (stream_.is_reset())
    return {io_result::status::failed, ECONNRESET, 0};
  return {io_result::status::would_block, 0, 0};
}

io_result http2_stream::write(std::string_view bytes) {
  auto taken = stream_.write(bytes);
  link_->schedule();
  if (!taken)
    return {io_result::status::failed, EPIPE, 0};
  if (*taken == 0 && !bytes.empty())
    return {io_result::status::would_block, 0, 0};
  return {io_result::status::ok, 0, *taken};
}

void http2_stream::finish() {
  stream_.finish();
  link_->schedule();
}

void http2_stream::abort() {
  if (!std::exchange(aborted_, true))
    stream_.abort();
  link_->schedule();
}

} // namespace proxy
