#include "protocols/http2/session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

namespace proxy::http2 {

std::string name_of_code(uint32_t code) {
  if (code > NGHTTP2_HTTP_1_1_REQUIRED)
    return "error " + std::to_string(code);
  return nghttp2_http2_strerror(code);
}

namespace {

/// Frames in a row that ask for work and carry nothing, before the connection is ended: empty DATA,
/// PRIORITY, WINDOW_UPDATE, PING, SETTINGS.
constexpr uint32_t max_idle_frames = 10'000;

/// Bytes that all streams of an upstream may be ahead of their readers: more than their windows
/// together come to, as a slow client must not hold up the others that share the connection.
constexpr int32_t upstream_window = 32 * 1024 * 1024;

/// What a stream may hold of a body when its connection holds too much.
constexpr size_t small_room = 8 * 1024;

/// Frames of the library that a peer makes us owe and does not take.
constexpr size_t max_queued_frames = 2'000;

/// Longest head that is sent, packed.
constexpr size_t max_sent_head = 256 * 1024;

struct options_deleter {
  void operator()(nghttp2_option* o) const noexcept { nghttp2_option_del(o); }
};
struct callbacks_deleter {
  void operator()(nghttp2_session_callbacks* c) const noexcept { nghttp2_session_callbacks_del(c); }
};

using options_ptr = std::unique_ptr<nghttp2_option, options_deleter>;
using callbacks_ptr = std::unique_ptr<nghttp2_session_callbacks, callbacks_deleter>;

options_ptr make_options(role as) {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0)
    throw std::bad_alloc{};
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_max_send_header_block_length(made, max_sent_head);
  // The heads of several clients, and what hooks add to them, meet on one connection to an
  // upstream. Without a table that they share, the size of one tells nothing about another.
  if (as == role::client)
    nghttp2_option_set_max_deflate_dynamic_table_size(made, 0);
  return options_ptr{made};
}

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

} // namespace

/// What the library calls. Nothing here resumes a flow: streams with news are listed.
struct library_calls {
  static session& self(void* user) { return *static_cast<session*>(user); }

  static int on_begin_headers(nghttp2_session* library, const nghttp2_frame* frame, void* user) {
    auto id = frame->hd.stream_id;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      auto& s = self(user).add();
      s.id_ = id;
      self(user).heading_ = &s;
      nghttp2_session_set_stream_user_data(library, id, &s);
      (void)s.enter(stream_event::received_headers);
    } else if (auto* s = stream_of(library, id)) {
      s->section_.clear();
      (void)s->enter(stream_event::received_headers);
    }
    return 0;
  }

  static int on_header(nghttp2_session* library, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
    if (auto* s = stream_of(library, frame->hd.stream_id))
      s->section_.add({reinterpret_cast<const char*>(name), name_size},
                      {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }

  static void take_headers(session& me, stream& s, bool ended) {
    me.idle_frames_ = 0;
    take_section(me, s, ended);
    s.recount();
  }

  static void take_section(session& me, stream& s, bool ended) {
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

  static int on_frame(nghttp2_session* library, const nghttp2_frame* frame, void* user) {
    auto& me = self(user);
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

  static int on_data(nghttp2_session* library, uint8_t, int32_t id, const uint8_t* bytes,
                     size_t size, void* user) {
    auto& me = self(user);
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

  static int on_close(nghttp2_session* library, int32_t id, uint32_t error, void* user) {
    auto& me = self(user);
    if (auto* s = stream_of(library, id)) {
      s->take_close(error);
      me.drop_if_over(*s);
    }
    return 0;
  }

  /// A stream that the library resets before there is one: beyond the limit, or no request at all.
  static int on_invalid(nghttp2_session* library, const nghttp2_frame* frame, int, void* user) {
    auto& me = self(user);
    if (me.role_ == role::server && !stream_of(library, frame->hd.stream_id))
      me.count_reset();
    return 0;
  }

  static int on_sent(nghttp2_session* library, const nghttp2_frame* frame, void*) {
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

  static void sent_end(stream& s) {
    (void)s.enter(stream_event::sent_end_stream);
    if (s.holder_ == stream::holder::nobody && s.state_ == stream_state::half_closed_local)
      s.reset(NGHTTP2_NO_ERROR);
  }

  static int on_not_sent(nghttp2_session* library, const nghttp2_frame* frame, int why,
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
    auto& me = self(user);
    auto at = std::ranges::find(me.streams_, id, [](const auto& s) { return s->id_; });
    if (at == me.streams_.end())
      return 0;
    (*at)->take_close(why == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED ? NGHTTP2_REFUSED_STREAM
                                                                  : NGHTTP2_INTERNAL_ERROR);
    me.drop_if_over(**at);
    return 0;
  }

  static int on_error(nghttp2_session*, int, const char* words, size_t size, void* user) {
    // A field's value may be a secret, and belongs to one exchange of many.
    std::string_view text{words, size};
    self(user).fault_.assign(text.substr(0, text.find(", value: [")));
    return 0;
  }

  static callbacks_ptr make() {
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
};

session::session(role as, const session_limits& limits) : role_(as), limits_(limits) {
  auto options = make_options(as);
  auto calls = library_calls::make();
  auto make = as == role::server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  if (make(&handle_, calls.get(), this, options.get()) != 0)
    throw std::bad_alloc{};
  auto head_size = static_cast<uint32_t>(limits.head.max_bytes);
  std::vector<nghttp2_settings_entry> own{
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
     as == role::server ? limits.stream_window : limits.upstream_window},
    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, head_size},
  };
  if (as == role::server) {
    own.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_streams});
    own.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
    own.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  } else {
    own.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(handle_, NGHTTP2_FLAG_NONE, own.data(), own.size());
  nghttp2_session_set_local_window_size(
    handle_, NGHTTP2_FLAG_NONE, 0,
    as == role::server ? static_cast<int32_t>(limits.connection_window) : upstream_window);
}

session::~session() { nghttp2_session_del(handle_); }

caf::error session::receive(std::string_view bytes) {
  auto taken =
    nghttp2_session_mem_recv(handle_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0 && !given_up_)
    return {};
  if (fault_.empty())
    fault_ = nghttp2_strerror(static_cast<int>(taken));
  return caf::make_error(role_ == role::server ? errc::malformed : errc::bad_response, fault_);
}

std::string_view session::output() {
  const uint8_t* bytes = nullptr;
  auto size = lost_ ? 0 : nghttp2_session_mem_send(handle_, &bytes);
  return size > 0
           ? std::string_view{reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)}
           : std::string_view{};
}

bool session::is_over() const noexcept {
  return lost_ ||
         (nghttp2_session_want_read(handle_) == 0 && nghttp2_session_want_write(handle_) == 0);
}

void session::lose() {
  lost_ = true;
  accepted_.clear();
  std::vector<stream*> all;
  for (const auto& s : streams_)
    all.push_back(s.get());
  for (auto* s : all) {
    if (!s->is_over())
      s->take_close(NGHTTP2_INTERNAL_ERROR);
    drop_if_over(*s);
  }
}

void session::drain() {
  if (std::exchange(draining_, true) || role_ == role::client)
    return;
  nghttp2_submit_goaway(handle_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(handle_), NGHTTP2_NO_ERROR, nullptr,
                        0);
}

bool session::wants_http1() const noexcept { return goodbye_ == NGHTTP2_HTTP_1_1_REQUIRED; }

std::string session::end_words() const {
  if (goodbye_ && *goodbye_ != NGHTTP2_NO_ERROR)
    return "the upstream ended the connection (HTTP/2 GOAWAY, " + name_of_code(*goodbye_) +
           (goodbye_text_.empty() ? ")" : "): " + goodbye_text_);
  return fault_.empty() ? "" : "the upstream broke HTTP/2: " + fault_;
}

stream* session::accept() {
  if (accepted_.empty())
    return nullptr;
  auto* next = accepted_.front();
  accepted_.erase(accepted_.begin());
  next->holder_ = stream::holder::flow;
  return next;
}

stream* session::open() {
  if (!may_open())
    return nullptr;
  auto& s = add();
  s.holder_ = stream::holder::flow;
  return &s;
}

bool session::may_open() const noexcept {
  auto allowed =
    nghttp2_session_get_remote_settings(handle_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  // A link on which many are cut short goes to nobody else: a server that defends itself would end
  // the requests of all. What is open may still be cut short.
  auto trusted = resets_ < limits_.max_upstream_resets &&
                 resets_ + streams_.size() < 2 * size_t{limits_.max_upstream_resets};
  return ready_ && !draining_ && !lost_ && trusted &&
         streams_.size() < std::min(allowed, limits_.max_streams) &&
         nghttp2_session_check_request_allowed(handle_) != 0;
}

bool session::takes_websockets() const noexcept {
  return nghttp2_session_get_remote_settings(handle_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

stream* session::take_news() {
  if (news_.empty())
    return nullptr;
  auto* next = news_.back();
  news_.pop_back();
  next->has_news_ = false;
  return next;
}

stream& session::add() {
  auto& s = *streams_.emplace_back(std::make_unique<stream>(*this, limits_));
  s.place_ = streams_.size() - 1;
  return s;
}

void session::drop_if_over(stream& s) {
  if (s.holder_ == stream::holder::flow || !s.is_over())
    return;
  std::erase(accepted_, &s);
  if (s.has_news_)
    std::erase(news_, &s);
  if (heading_ == &s)
    heading_ = nullptr;
  held_ -= s.held_;
  waiting_ -= s.waiting_;
  auto place = s.place_;
  std::swap(streams_[place], streams_.back());
  streams_[place]->place_ = place;
  streams_.pop_back();
}

void session::give_back(stream& s, size_t size) {
  if (lost_)
    return;
  if (role_ == role::server)
    nghttp2_session_consume(handle_, s.id_, size);
  else
    nghttp2_session_consume_stream(handle_, s.id_, size);
}

void session::tell(stream& s) {
  if (s.holder_ != stream::holder::flow || std::exchange(s.has_news_, true))
    return;
  news_.push_back(&s);
}

size_t session::room_per_stream() const noexcept {
  // An upstream's streams belong to several clients.
  auto most = role_ == role::client ? 4 * limits_.max_waiting : limits_.max_waiting;
  return waiting_ < most ? outgoing_message::max_data : small_room;
}

void session::count_idle_frame() {
  if (++idle_frames_ >= max_idle_frames)
    calm_down("too many frames in a row that carry nothing: at most " +
              std::to_string(max_idle_frames));
}

void session::count_reset() {
  if (!lost_ && ++resets_ > limits_.max_resets)
    calm_down("too many streams were cut short: at most " + std::to_string(limits_.max_resets) +
              " at once");
}

void session::calm_down(std::string why) { give_up(NGHTTP2_ENHANCE_YOUR_CALM, std::move(why)); }

void session::give_up(uint32_t code, std::string why) {
  if (std::exchange(given_up_, true))
    return;
  fault_ = std::move(why);
  accepted_.clear();
  nghttp2_submit_goaway(handle_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(handle_), code,
                        reinterpret_cast<const uint8_t*>(fault_.data()), fault_.size());
  nghttp2_session_terminate_session(handle_, code);
}

} // namespace proxy::http2
