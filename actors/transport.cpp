#include "actors/transport.hpp"

#include <cerrno>

namespace proxy {

namespace {

iovec part(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

} // namespace

tls::ssl_ptr transport::begin_tls(const tls::client_context& by, const host& name,
                                  const tls::client_options& options) const {
  return tls_ ? by.session_inside(name, *tls_, options)
              : by.session(name, raw.descriptor(), options);
}

io_result transport::write(std::string_view first, std::string_view second) noexcept {
  if (second.empty())
    return write(first);
  if (first.empty())
    return write(second);
  if (is_plain()) {
    std::array<iovec, 2> parts{part(first), part(second)};
    return raw.write(parts);
  }
  auto sent = write(first);
  if (!sent.ok() || sent.size < first.size())
    return sent;
  auto rest = write(second);
  if (rest.ok())
    sent.size += rest.size;
  return sent; // a failure shows again at the next write
}

io_result transport::read_tls(std::span<char> into) noexcept {
  size_t size = 0;
  switch (tls::read(*tls_, into.data(), into.size(), size)) {
    case tls::step::done: return {io_result::status::ok, 0, size};
    case tls::step::end: return {io_result::status::end, 0, 0};
    case tls::step::want_read: raw.met_read_block(); return {io_result::status::would_block, 0, 0};
    case tls::step::want_write:
      raw.met_write_block();
      return {io_result::status::would_block, 0, 0};
    default: return {io_result::status::failed, EPROTO, 0};
  }
}

io_result transport::write_tls(std::string_view bytes) noexcept {
  // A record at a time: a call that moves less than asked has filled the socket, here as in the
  // clear.
  io_result out{io_result::status::ok, 0, 0};
  while (out.size < bytes.size()) {
    size_t size = 0;
    auto step = tls::write(*tls_, bytes.data() + out.size, bytes.size() - out.size, size);
    out.size += size;
    if (step == tls::step::done)
      continue;
    if (step == tls::step::want_read)
      raw.met_read_block();
    else if (step == tls::step::want_write)
      raw.met_write_block();
    else if (out.size == 0)
      return {io_result::status::failed, EPIPE, 0};
    break; // a failure shows again at the next write
  }
  if (out.size == 0 && !bytes.empty())
    out.what = io_result::status::would_block;
  return out;
}

void transport::shutdown_write() noexcept {
  if (stream_) {
    stream_->finish();
    return;
  }
  if (tls_)
    tls::shutdown(*tls_);
  raw.shutdown_write();
}

void transport::abort() noexcept {
  if (stream_)
    stream_->abort();
  stream_.reset();
  raw.abort();
}

void transport::close() noexcept {
  stream_.reset();
  if (tls_)
    tls::shutdown(*tls_);
  tls_.reset();
  outer_.reset();
  raw.close();
}

} // namespace proxy
