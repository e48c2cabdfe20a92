#include "actors/net/http2_stream.hpp"

#include <cerrno>

#include "actors/loop/event_loop.hpp"

namespace proxy {

http2_stream::~http2_stream() {
  if (!aborted_)
    stream_.release();
  link_->grown -= grown_;
  if (reader_)
    reader_->grown -= grown_;
  link_->schedule();
}

io_result http2_stream::read(std::span<char> into) {
  if (auto size = stream_.read(into); size > 0) {
    if (stream_.outgrows_window())
      grow_window();
    link_->schedule(); // the peer may send more
    return {io_result::status::ok, 0, size};
  }
  if (stream_.ended())
    return {io_result::status::end, 0, 0};
  if (stream_.is_reset())
    return {io_result::status::failed, ECONNRESET, 0};
  return {io_result::status::would_block, 0, 0};
}

std::string http2_stream::end_words() const {
  return link_->tls_fault().empty() ? stream_.end_words() : link_->tls_fault();
}

void http2_stream::grow_window() {
  auto more = stream_.window();
  if (link_->grown + more > http2_link::max_grown_for_upstream ||
      (reader_ && reader_->grown + more > http2_link::max_grown_for_client) ||
      link_->loop().memory().is_full())
    return;
  stream_.grow_window();
  grown_ += more;
  link_->grown += more;
  if (reader_)
    reader_->grown += more;
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
