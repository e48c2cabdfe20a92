#include <nghttp2/nghttp2.h>

#include <utility>

#include "protocols/http2/library.hpp"
#include "protocols/http2/session.hpp"
#include "protocols/websocket.hpp"

namespace proxy::http2 {

namespace {

/// Heads that wait to be sent, in bytes, beyond which interim ones are left out.
constexpr size_t max_waiting_heads = 16 * 1024;

/// A head of ours may be longer than the limit for that of a peer: we add fields.
constexpr size_t added_bytes = 64 * 1024;
constexpr size_t added_fields = 64;

} // namespace

stream::stream(session& of, const session_limits& limits)
  : session_(of), section_(limits.head), out_(limits.head.max_bytes + added_bytes),
    window_(limits.upstream_window),
    cut_code_(of.role_ == role::server ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL) {}

size_t stream::read(std::span<char> into) {
  auto size = in_.read(into);
  auto credit = std::min(in_.take_credit(), owed_);
  if (credit > 0) {
    owed_ -= credit;
    read_ahead_ += credit;
    session_.give_back(*this, credit);
  }
  recount();
  return size;
}

bool stream::outgrows_window() const noexcept {
  return session_.role_ == role::client && read_ahead_ >= window_ && !in_.has_text() &&
         may_receive(state_) && window_ < session_.limits_.max_upstream_window;
}

void stream::grow_window() {
  window_ *= 2;
  read_ahead_ = 0;
  nghttp2_session_set_local_window_size(session_.handle_, NGHTTP2_FLAG_NONE, id_,
                                        static_cast<int32_t>(window_));
}

size_t stream::room() const noexcept {
  auto most = session_.room_per_stream();
  return most - std::min(most, out_.pending());
}

bool stream::has_room() const noexcept { return 4 * room() >= session_.room_per_stream(); }

void stream::recount() noexcept {
  auto waiting = out_.pending();
  auto held = in_.held() + out_.held() + head_size_;
  session_.waiting_ += waiting - waiting_; // unsigned: what wraps here wraps back
  session_.held_ += held - held_;
  waiting_ = waiting;
  held_ = held;
}

std::optional<size_t> stream::write(std::string_view bytes) {
  size_t taken = 0;
  out_.limit(session_.room_per_stream());
  while (state_ != stream_state::closed) {
    auto step = out_.write(bytes.substr(taken));
    if (!step || (out_.has_head() && !submit_head())) {
      abort_with(NGHTTP2_INTERNAL_ERROR);
      return std::nullopt;
    }
    taken += *step;
    if (*step == 0 || taken == bytes.size()) {
      resume();
      recount();
      return taken;
    }
  }
  return std::nullopt;
}

bool stream::is_answered_by(std::string_view accept) const {
  return accept == websocket::accept_for(facts_.websocket_key);
}

void stream::finish() {
  out_.finish();
  resume();
}

/// Tells the library that there is data again, or that there will be none.
void stream::resume() {
  if (deferred_ && may_send(state_) &&
      (out_.pending() > 0 || out_.finished() || cut_ == cut::by_us_once_sent)) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.handle_, id_);
  }
}

bool stream::submit_head() {
  if (!after(session_.role_, state_, stream_event::sent_headers).legal())
    return false;
  http1::head_limits limits{out_.head().size(), section_.limits().max_fields + added_fields};
  return session_.role_ == role::client ? submit_request(limits) : submit_response(limits);
}

bool stream::submit_request(const http1::head_limits& limits) {
  http1::request req;
  if (http1::decode_request(out_.head(), limits, req))
    return false;
  auto fields = to_fields(req, facts_);
  auto websocket = !facts_.websocket_key.empty();
  if (!req.upgrade.empty() && !(websocket && session_.takes_websockets()))
    return false;
  out_.begin_body(websocket ? http1::framing::until_close : req.body, req.content_length);
  id_ = submit(fields);
  return id_ >= 0 && enter(stream_event::sent_headers);
}

bool stream::submit_response(const http1::head_limits& limits) {
  http1::response res;
  if (http1::decode_response(out_.head(), limits, facts_.to_head, false, res))
    return false;
  auto fields = to_fields(res, facts_);
  if (fields.empty())
    return false;
  if (res.status < 200 && res.status != 101) {
    if (head_size_ > max_waiting_heads) { // they are optional
      out_.skip_head();
      return true;
    }
    head_size_ += out_.head().size();
    auto list = to_library(fields);
    out_.skip_head();
    return nghttp2_submit_headers(session_.handle_, NGHTTP2_FLAG_NONE, id_, nullptr, list.data(),
                                  list.size(), nullptr) == 0;
  }
  auto head_size = out_.head().size();
  out_.begin_body(res.status == 101 ? http1::framing::until_close : res.body, res.content_length);
  head_size_ += head_size;
  return submit(fields) == 0;
}

int stream::submit(const std::vector<field>& fields) {
  auto list = to_library(fields);
  nghttp2_data_provider data{
    {.ptr = this},
    [](nghttp2_session*, int32_t, uint8_t* into, size_t room, uint32_t* flags,
       nghttp2_data_source* source, void*) -> ssize_t {
      return static_cast<stream*>(source->ptr)->give_data({into, room}, *flags);
    }};
  auto* body = out_.finished() ? nullptr : &data;
  return session_.role_ == role::client
           ? nghttp2_submit_request(session_.handle_, nullptr, list.data(), list.size(), body, this)
           : nghttp2_submit_response(session_.handle_, id_, list.data(), list.size(), body);
}

ptrdiff_t stream::give_data(std::span<unsigned char> into, uint32_t& flags) {
  auto size = out_.take(into);
  if (out_.pending() == 0 && out_.finished()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (auto fields = to_trailer_fields(out_.trailers()); !fields.empty()) {
      auto list = to_library(fields);
      if (nghttp2_submit_trailer(session_.handle_, id_, list.data(), list.size()) == 0)
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  } else if (size == 0) {
    if (cut_ == cut::by_us_once_sent)
      reset(cut_code_);
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  session_.idle_frames_ = 0;
  recount();
  session_.tell(*this);
  return static_cast<ptrdiff_t>(size);
}

bool stream::take_head(bool ended) {
  auto spelled = session_.role_ == role::server ? spell_request(section_, ended, facts_)
                                                : spell_response(section_, ended, facts_);
  if (!spelled)
    return false;
  in_.add_head(spelled->text);
  if (session_.role_ == role::client && section_.value_of(":status").starts_with('1'))
    return true; // an interim response
  in_.begin_body(spelled->body);
  return true;
}

void stream::take_data(std::string_view bytes) {
  owed_ += bytes.size();
  in_.add_data(bytes);
  recount();
  session_.tell(*this);
}

void stream::take_end() {
  auto is_late = !may_receive(state_);
  (void)enter(stream_event::received_end_stream);
  if (is_late)
    return;
  in_.end(spell_trailers(section_));
  recount();
  session_.tell(*this);
}

bool stream::enter(stream_event what) {
  auto to = after(session_.role_, state_, what);
  if (to.legal()) {
    state_ = to.next;
    return true;
  }
  if (to.is == transition::verdict::stream_error)
    reject(to.code);
  else
    session_.give_up(to.code, "a frame for a stream that cannot have it");
  return false;
}

void stream::take_cut(uint32_t error, stream_event event) {
  // A client may cut short with NO_ERROR, too: then our end was not sent.
  auto whole = error == NGHTTP2_NO_ERROR && in_.ended() && session_.role_ == role::client;
  if (!whole)
    blame_peer(error == NGHTTP2_REFUSED_STREAM ? cut::refused : cut::by_peer);
  (void)enter(event);
}

void stream::take_close(uint32_t error) {
  if (state_ != stream_state::closed)
    take_cut(error, peer_error_ ? stream_event::received_reset : stream_event::lost);
  id_ = unknown;
  session_.tell(*this);
}

void stream::release() {
  finish();
  auto whole = out_.finished();
  auto over = session_.role_ == role::server ? whole : whole && in_.ended();
  if (!over) {
    abort();
    return;
  }
  if (state_ == stream_state::half_closed_local)
    reset(NGHTTP2_NO_ERROR); // the client need not send the rest (RFC 9113 §8.1)
  let_go();
}

void stream::abort() {
  auto begun = session_.role_ == role::server && out_.has_begun() && !out_.finished();
  if (begun && may_send(state_) && fits_window()) {
    cut_ = cut::by_us_once_sent;
    resume();
  } else {
    abort_with(cut_code_);
  }
  let_go();
}

bool stream::wants_http1() const noexcept {
  return peer_error_ == NGHTTP2_HTTP_1_1_REQUIRED || (is_reset() && session_.wants_http1());
}

std::string stream::end_words() const {
  if (peer_error_)
    return "the upstream reset the stream (HTTP/2 " + name_of_code(*peer_error_) + ")";
  return session_.end_words();
}

void stream::pass_on(uint32_t end_code) noexcept {
  // What says that nothing was done, or that there was no error, is not true any more; what a
  // client could only take for its own fault is ours.
  switch (end_code) {
    case NGHTTP2_CANCEL:
    case NGHTTP2_ENHANCE_YOUR_CALM:
    case NGHTTP2_INADEQUATE_SECURITY:
    case NGHTTP2_HTTP_1_1_REQUIRED:
    case NGHTTP2_CONNECT_ERROR: cut_code_ = end_code; break;
    default: break;
  }
}

/// Whether the client's windows have room for all that waits.
bool stream::fits_window() const {
  auto window = std::min(nghttp2_session_get_stream_remote_window_size(session_.handle_, id_),
                         nghttp2_session_get_remote_window_size(session_.handle_));
  return window > 0 && static_cast<size_t>(window) >= out_.pending();
}

void stream::abort_with(uint32_t error) {
  if (cut_ == cut::none)
    cut_ = cut::by_us;
  reset(error);
}

void stream::reject(uint32_t error) {
  blame_peer(cut::by_peer);
  reset(error);
}

void stream::blame_peer(cut how) {
  if (cut_ != cut::none)
    return;
  cut_ = how;
  if (session_.role_ == role::server && may_send(state_))
    session_.count_reset();
}

void stream::reset(uint32_t error) {
  if (state_ == stream_state::closed)
    return;
  if (state_ == stream_state::idle) { // the peer has never heard of it
    (void)enter(stream_event::lost);
    return;
  }
  if (session_.role_ == role::client && !session_.lost_)
    ++session_.resets_;
  nghttp2_submit_rst_stream(session_.handle_, NGHTTP2_FLAG_NONE, id_, error);
  (void)enter(stream_event::sent_reset);
}

void stream::let_go() {
  holder_ = holder::nobody;
  user = nullptr;
  if (auto owed = std::exchange(owed_, 0); owed > 0)
    session_.give_back(*this, owed);
  session_.drop_if_over(*this);
}

} // namespace proxy::http2
