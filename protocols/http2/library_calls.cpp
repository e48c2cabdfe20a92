#include "protocols/http2/library_calls.hpp"

#include <algorithm>
#include <new>

#include "protocols/http2/session.hpp"

namespace proxy::http2 {

namespace {

/// Frames of the library that a peer makes us owe and does not take.
constexpr size_t max_queued_frames = 2'000;

/// Longest text of a GOAWAY that is passed on.
constexpr size_t max_goodbye_text = 120;

/// What a GOAWAY says to people, fit for logs and terminals.
std::string text_of(const nghttp2_goaway& frame) {
  std::string text{reinterpret_cast<const char*>(frame.opaque_data),
                   std::min(frame.opaque_data_len, max_goodbye_text)};
  std::ranges::replace_if(
    text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

stream* stream_of(nghttp2_session* library, int32_t id) {
  return static_cast<stream*>(nghttp2_session_get_stream_user_data(library, id));
}

session& session_of(void* user) { return *static_cast<session*>(user); }

} // namespace

callbacks_ptr library_calls::make() {
  nghttp2_session_callbacks* calls = nullptr;
  if (nghttp2_session_callbacks_new(&calls) != 0)
    throw std::bad_alloc{};
  nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_invalid);
  nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_not_sent);
  nghttp2_session_callbacks_set_error_callback2(calls, on_error);
  return callbacks_ptr{calls};
}

int library_calls::on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame,
                                    void* user) {
  auto id = frame->hd.stream_id;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    auto& s = session_of(user).add();
    s.id_ = id;
    session_of(user).heading_ = &s;
    nghttp2_session_set_stream_user_data(library, id, &s);
    (void)s.enter(stream_event::received_headers);
  } else if (auto* s = stream_of(library, id)) {
    s->section_.clear();
    (void)s->enter(stream_event::received_headers);
  }
  return 0;
}

int library_calls::on_header(nghttp2_session* library, const nghttp2_frame* frame,
                             const uint8_t* name, size_t name_size, const uint8_t* value,
                             size_t value_size, uint8_t, void*) {
  if (auto* s = stream_of(library, frame->hd.stream_id))
    s->section_.add({reinterpret_cast<const char*>(name), name_size},
                    {reinterpret_cast<const char*>(value), value_size});
  return 0;
}

void library_calls::take_headers(session& me, stream& s, bool ended) {
  me.idle_frames_ = 0;
  take_section(me, s, ended);
  s.recount();
}

void library_calls::take_section(session& me, stream& s, bool ended) {
  me.heading_ = nullptr;
  if (s.state_ == stream_state::closed)
    return;
  if (s.in_.has_head()) {
    if (ended)
      s.take_end(); // with trailers
    s.section_.clear();
    return;
  }
  if (!s.take_head(ended)) {
    s.reject(NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  s.section_.clear();
  if (ended)
    s.take_end();
  if (me.role_ == role::server)
    me.accepted_.push_back(&s);
  me.tell(s);
}

int library_calls::on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* user) {
  auto& me = session_of(user);
  auto ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  auto* s = stream_of(library, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (s)
        take_headers(me, *s, ended);
      break;
    case NGHTTP2_DATA:
      if (s && ended)
        s->take_end();
      else if (frame->hd.length <= frame->data.padlen) // padding alone carries as little
        me.count_idle_frame();
      break;
    case NGHTTP2_SETTINGS:
      me.ready_ |= (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
      me.count_idle_frame();
      break;
    case NGHTTP2_GOAWAY:
      me.draining_ = true;
      // The last one may come without the words of the one before.
      if (auto text = text_of(frame->goaway);
          !text.empty() || me.goodbye_ != frame->goaway.error_code)
        me.goodbye_text_ = std::move(text);
      me.goodbye_ = frame->goaway.error_code;
      break;
    case NGHTTP2_RST_STREAM:
      if (s)
        s->peer_error_ = frame->rst_stream.error_code; // on_close follows
      me.count_idle_frame();
      break;
    case NGHTTP2_WINDOW_UPDATE:
      if (s)
        (void)s->enter(stream_event::received_window_update);
      me.count_idle_frame();
      break;
    case NGHTTP2_PRIORITY:
      if (s)
        (void)s->enter(stream_event::received_priority);
      me.count_idle_frame();
      break;
    default: me.count_idle_frame(); break;
  }
  if (nghttp2_session_get_outbound_queue_size(library) > max_queued_frames)
    me.calm_down("too many frames wait for a peer that does not read: at most " +
                 std::to_string(max_queued_frames));
  return 0;
}

int library_calls::on_data(nghttp2_session* library, uint8_t, int32_t id, const uint8_t* bytes,
                           size_t size, void* user) {
  auto& me = session_of(user);
  me.idle_frames_ = 0;
  auto* s = stream_of(library, id);
  if (!s || me.role_ == role::client)
    nghttp2_session_consume_connection(library, size);
  if (!s)
    return 0;
  (void)s->enter(stream_event::received_data);
  if (s->holder_ == stream::holder::nobody || !may_receive(s->state_))
    nghttp2_session_consume(library, id, size); // nobody reads it any more
  else
    s->take_data({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

int library_calls::on_invalid(nghttp2_session* library, const nghttp2_frame* frame, int,
                              void* user) {
  auto& me = session_of(user);
  if (me.role_ == role::server && !stream_of(library, frame->hd.stream_id))
    me.count_reset();
  return 0;
}

int library_calls::on_sent(nghttp2_session* library, const nghttp2_frame* frame, void*) {
  auto* s = stream_of(library, frame->hd.stream_id);
  if (!s)
    return 0;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    s->head_size_ = 0;
    s->recount();
  }
  if (s->state_ == stream_state::closed)
    return 0; // it was on its way when the stream was reset
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) // that is counted when it is submitted
        (void)s->enter(stream_event::sent_headers);
      break;
    case NGHTTP2_DATA: (void)s->enter(stream_event::sent_data); break;
    case NGHTTP2_RST_STREAM: // by the library, for a fault of the peer's
      s->take_cut(frame->rst_stream.error_code, stream_event::sent_reset);
      return 0;
    default: return 0;
  }
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
    sent_end(*s);
  return 0;
}

void library_calls::sent_end(stream& s) {
  (void)s.enter(stream_event::sent_end_stream);
  if (s.holder_ == stream::holder::nobody && s.state_ == stream_state::half_closed_local)
    s.reset(NGHTTP2_NO_ERROR);
}

int library_calls::on_not_sent(nghttp2_session* library, const nghttp2_frame* frame, int why,
                               void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS)
    return 0;
  auto id = frame->hd.stream_id;
  if (auto* s = stream_of(library, id)) {
    // A request that did not leave is closed by the library, and nothing may be said of it.
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
      s->abort_with(NGHTTP2_INTERNAL_ERROR);
    else if (why == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED)
      s->blame_peer(stream::cut::refused);
    return 0;
  }
  // A request that never became a stream.
  auto& me = session_of(user);
  auto at = std::ranges::find(me.streams_, id, [](const auto& s) { return s->id_; });
  if (at == me.streams_.end())
    return 0;
  (*at)->take_close(why == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED ? NGHTTP2_REFUSED_STREAM
                                                                : NGHTTP2_INTERNAL_ERROR);
  me.drop_if_over(**at);
  return 0;
}

int library_calls::on_close(nghttp2_session* library, int32_t id, uint32_t error, void* user) {
  auto& me = session_of(user);
  if (auto* s = stream_of(library, id)) {
    s->take_close(error);
    me.drop_if_over(*s);
  }
  return 0;
}

int library_calls::on_error(nghttp2_session*, int, const char* words, size_t size, void* user) {
  // A field's value may be a secret, and belongs to one exchange of many.
  std::string_view text{words, size};
  session_of(user).fault_.assign(text.substr(0, text.find(", value: [")));
  return 0;
}

} // namespace proxy::http2
