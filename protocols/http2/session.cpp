#include "protocols/http2/session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <new>
#include <utility>

#include "protocols/http2/library_calls.hpp"

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

/// Longest head that is sent, packed.
constexpr size_t max_sent_head = 256 * 1024;

struct options_deleter {
  void operator()(nghttp2_option* o) const noexcept { nghttp2_option_del(o); }
};
using options_ptr = std::unique_ptr<nghttp2_option, options_deleter>;

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

} // namespace

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
