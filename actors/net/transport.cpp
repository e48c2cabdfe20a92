#include "actors/net/transport.hpp"

#include <algorithm>
#include <cerrno>

namespace proxy {

namespace {

/// What a TLS record carries at most (RFC 8446 §5.1).
constexpr size_t record_size = 16 * 1024;

/// Reads for a last word: an end follows few records that carry nothing.
constexpr int records_before_end = 8;

iovec part(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

bool is_over(tls::step what) { return what == tls::step::end || what == tls::step::failed; }

/// What a step that moved nothing means.
io_result of(tls::step what, int error) {
  switch (what) {
    case tls::step::done: return {io_result::status::ok, 0, 0};
    case tls::step::end: return {io_result::status::end, 0, 0};
    case tls::step::failed: return {io_result::status::failed, error, 0};
    default: return {io_result::status::would_block, 0, 0};
  }
}

} // namespace

tls::ssl_ptr transport::begin_tls(const tls::client_context& context, const host& name,
                                  const tls::client_options& options) {
  if (!back_.empty())
    return nullptr;
  return tls_ ? context.session_inside(name, *tls_, options) : context.session(name, raw_, options);
}

tls::step transport::shake_hands(tls::ssl_ptr& session, tls::step (*go_on)(ssl_st&) noexcept) {
  auto what = go_on(*session);
  if (what == tls::step::want_read) {
    raw_.met_read_block();
  } else if (what == tls::step::want_write) {
    raw_.met_write_block();
  } else if (what == tls::step::done) {
    outer_ = std::move(tls_);
    tls_ = std::move(session);
    tls_has_more_ = has_pending();
  }
  return what;
}

io_result transport::write(std::string_view first, std::string_view second) noexcept {
  if (second.empty())
    return write(first);
  if (first.empty())
    return write(second);
  if (is_plain()) {
    std::array<iovec, 2> parts{part(first), part(second)};
    return raw_.write(parts);
  }
  if (stream_) {
    auto sent = write(first);
    if (!sent.ok() || sent.size < first.size())
      return sent;
    auto rest = write(second);
    if (rest.ok())
      sent.size += rest.size;
    return sent; // a failure shows again at the next write
  }
  // A small body shares a record, and a packet, with its head.
  std::array<char, record_size> joined;
  auto along =
    first.size() < joined.size() ? std::min(joined.size() - first.size(), second.size()) : 0;
  if (along > 0) {
    std::copy_n(first.data(), first.size(), joined.data());
    std::copy_n(second.data(), along, joined.data() + first.size());
    first = {joined.data(), first.size() + along};
  }
  auto sent = write_tls(first);
  if (!sent.ok() || sent.size < first.size() || along == second.size())
    return sent;
  auto rest = write_tls(second.substr(along));
  if (rest.ok())
    sent.size += rest.size;
  return sent; // a failure shows again at the next write
}

io_result transport::read_again(std::span<char> into) noexcept {
  auto size = std::min(into.size(), back_.size());
  std::copy_n(back_.data(), size, into.data());
  if (size < back_.size())
    back_.erase(0, size);
  else
    std::string{}.swap(back_);
  return {io_result::status::ok, 0, size};
}

io_result transport::read_tls(std::span<char> into) noexcept {
  size_t size = 0;
  auto what = tls::read(*tls_, into.data(), into.size(), size);
  // What came was no data, as a ticket is none, and came short, so that the socket was not asked
  // for what is behind it. No event would tell of an end there: that has been told.
  for (int more = 0;
       more < records_before_end && raw_.peer_done() && size == 0 && what == tls::step::want_read;
       ++more)
    what = tls::read(*tls_, into.data(), into.size(), size);
  if (what == tls::step::want_read || tls::has_emptied_socket(*tls_))
    raw_.met_read_block();
  if (what == tls::step::want_write)
    raw_.met_read_block_for_room();
  tls_has_more_ = what == tls::step::done ? has_pending() : is_over(what);
  if (size > 0)
    return {io_result::status::ok, 0, size};
  return of(what, EPROTO);
}

io_result transport::write_tls(std::string_view bytes) noexcept {
  size_t size = 0;
  auto what = tls::write(*tls_, bytes.data(), bytes.size(), size);
  if (what == tls::step::want_write)
    raw_.met_write_block();
  if (size > 0)
    return {io_result::status::ok, 0, size};
  return of(what, EPIPE);
}

std::string transport::end_words(bool served) const {
  if (stream_)
    return stream_->end_words();
  return tls_ ? tls::end_words(*tls_, served) : std::string{};
}

bool transport::shutdown_write() noexcept {
  if (stream_) {
    stream_->finish();
    return true;
  }
  if (tls_ && !tls::shutdown(*tls_)) {
    raw_.met_write_block();
    return false;
  }
  raw_.shutdown_write();
  return true;
}

void transport::abort() noexcept {
  if (stream_)
    stream_->abort();
  stream_.reset();
  back_.clear();
  raw_.abort();
}

void transport::close() noexcept {
  stream_.reset();
  if (tls_)
    (void)tls::shutdown(*tls_); // as far as there is room
  tls_.reset();
  outer_.reset();
  tls_has_more_ = false;
  back_.clear();
  raw_.close();
}

} // namespace proxy
