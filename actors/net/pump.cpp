#include "actors/net/pump.hpp"

#include <algorithm>

namespace proxy {

namespace {

/// One read in copy mode. Small enough that what a slow receiver leaves behind stays small.
constexpr size_t copy_size = 64 * 1024;
/// The same when memory is short.
constexpr size_t short_copy = 4 * 1024;
/// A read at least this large means a bulk transfer.
constexpr size_t bulk_read = 32 * 1024;
/// A splice that moves less than this means that the bulk is over.
constexpr size_t small_splice = 4 * 1024;
/// Moves a pump makes before others of its loop have their turn.
constexpr int moves_per_turn = 16;

} // namespace

pump::started pump::start(transport& to, std::string_view head, std::string_view rest) {
  auto body = rest.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, rest.size())));
  auto taken = body.size();
  if (chunked_) {
    auto deliver = follow(rest);
    if (!deliver)
      return {status::malformed, 0};
    body = *deliver;
    taken = rest.size() - excess_size();
    excess_.reset();
  } else if (left_ != unlimited) {
    left_ -= taken;
  }
  copy(rest.substr(0, taken));
  auto sent = to.write(head, body);
  if (sent.failed()) {
    error_ = sent.error;
    return {status::sink_failed, taken};
  }
  auto done = sent.ok() ? sent.size : 0;
  moved_ += done;
  if (done < head.size())
    held_.append(head.substr(done));
  auto of_body = done > head.size() ? done - head.size() : 0;
  held_.append(body.substr(of_body));
  return {holds_bytes() ? status::blocked : left_ == 0 ? status::finished : status::busy, taken};
}

std::optional<std::string_view> pump::follow(std::string_view bytes) {
  auto& [decode, decoder, trailers, decoded, error] = *chunked_;
  decoded.clear();
  auto trailers_before = decoder.trailer_size();
  auto taken = decode ? decoder.decode(bytes, decoded) : decoder.consume(bytes);
  if (!taken) {
    error = std::move(taken.error());
    return std::nullopt;
  }
  auto used = *taken;
  if (decoder.done())
    left_ = 0;
  set_excess(bytes.substr(used));
  if (decode)
    return decoded;
  auto of_trailers = decoder.trailer_size() - trailers_before;
  auto data = bytes.substr(0, used - of_trailers);
  if (!decoder.done())
    return data;
  constexpr size_t no_trailers = 2; // the empty line
  if (decoder.trailer_size() == no_trailers && of_trailers == no_trailers)
    return bytes.substr(0, used); // the usual end, and all of it in one read
  decoded.assign(data);
  http1::rewrite_trailers(decoder.trailers(), trailers, decoded);
  decoded += "\r\n";
  return decoded;
}

pump::status pump::run(event_loop& loop, transport& from, transport& to) {
  for (int i = 0; i < moves_per_turn; ++i) {
    if (holds_bytes()) {
      if (!to.may_write())
        return status::blocked;
      switch (flush(loop, to)) {
        case moved_state::failed: return status::sink_failed;
        case moved_state::blocked: return status::blocked;
        default: break;
      }
    }
    if (left_ == 0)
      return status::finished;
    // A stream knows how much it takes: what it does not is not read.
    if (!from.may_read() || (to.stream() && !to.may_write()))
      return status::blocked;
    auto splices = bulk_ && from.may_splice() && to.is_plain();
    auto result = splices ? splice_once(loop, from, to) : copy_once(loop, from, to);
    // After a splice others have their turn, and the sender time to send more: few large pieces
    // cost less than many small ones.
    if (result != status::busy || splices)
      return finished() ? status::finished : result;
  }
  return finished() ? status::finished : status::busy; // whoever is told so takes the excess
}

pump::moved_state pump::flush(event_loop& loop, transport& to) {
  auto r = in_pipe_ > 0 ? to.splice_from(pipe_, in_pipe_, false)
                        : to.write(std::string_view{held_}.substr(sent_));
  if (r.failed()) {
    error_ = r.error;
    return moved_state::failed;
  }
  if (!r.ok())
    return moved_state::blocked;
  moved_ += r.size;
  if (in_pipe_ > 0) {
    in_pipe_ -= r.size;
    if (in_pipe_ > 0)
      return moved_state::blocked;
    loop.pipes().give_back(std::exchange(pipe_, {}));
    return moved_state::progress;
  }
  sent_ += r.size;
  if (sent_ < held_.size())
    return moved_state::blocked;
  std::string{}.swap(held_); // an idle tunnel keeps no buffer
  sent_ = 0;
  return moved_state::progress;
}

pump::status pump::source_over(const io_result& r) noexcept {
  if (r.ended())
    return status::source_ended;
  if (r.blocked())
    return status::blocked;
  error_ = r.error;
  return status::source_failed;
}

pump::status pump::copy_once(event_loop& loop, transport& from, transport& to) {
  // Room for more than is left: a read that comes back short tells that the socket is empty.
  auto size = loop.memory().is_full() ? short_copy : copy_size;
  auto buffer = loop.scratch().first(std::min(size, std::max<size_t>(to.room(), 1)));
  auto got = from.read(buffer);
  if (!got.ok())
    return source_over(got);
  bulk_ = !(chunked_ && chunked_->decode) && got.size >= bulk_read;
  std::string_view bytes{buffer.data(), got.size};
  if (left_ != unlimited) {
    auto mine = std::min<uint64_t>(left_, bytes.size());
    set_excess(bytes.substr(mine));
    bytes = bytes.substr(0, mine);
    left_ -= mine;
  }
  if (!chunked_) {
    copy(bytes);
  } else {
    auto deliver = follow(bytes);
    if (!deliver)
      return status::malformed;
    copy(bytes.substr(0, bytes.size() - excess_size()));
    bytes = *deliver;
    if (bytes.empty())
      return status::busy;
  }
  auto sent = to.write(bytes);
  if (sent.failed()) {
    error_ = sent.error;
    return status::sink_failed;
  }
  auto delivered = sent.ok() ? sent.size : 0;
  moved_ += delivered;
  if (delivered < bytes.size())
    held_.assign(bytes.substr(delivered));
  return status::busy;
}

pump::status pump::splice_once(event_loop& loop, transport& from, transport& to) {
  // Of a chunked body only the inside of a chunk may pass unseen.
  auto room = chunked_ ? chunked_->decoder.pending_data() : left_;
  if (room < small_splice)
    return copy_once(loop, from, to);
  lender_ = &loop.pipes();
  pipe_ = lender_->borrow();
  if (!pipe_) {
    bulk_ = false; // no descriptors left: copying needs none
    return status::busy;
  }
  auto got = from.splice_to(pipe_, std::min<uint64_t>(pipe_pool::capacity, room));
  if (!got.ok()) {
    loop.pipes().give_back(std::exchange(pipe_, {}));
    return source_over(got);
  }
  if (chunked_)
    chunked_->decoder.skip(got.size);
  else if (left_ != unlimited)
    left_ -= got.size;
  bulk_ = got.size >= small_splice;
  in_pipe_ = got.size;
  if (to.may_write() && flush(loop, to) == moved_state::failed)
    return status::sink_failed;
  return status::busy;
}

} // namespace proxy
