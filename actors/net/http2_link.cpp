#include "actors/net/http2_link.hpp"

#include "actors/loop/event_loop.hpp"
#include "actors/net/http2_stream.hpp"
#include "actors/net/transport.hpp"

namespace proxy {

namespace {

constexpr size_t frame_read_size = 64 * 1024;
/// Gathered before it is written: a few records in one go.
constexpr size_t write_size = 64 * 1024;
/// Reads before others of the loop have their turn.
constexpr int frame_reads_per_turn = 16;
/// What a session costs by itself, its field tables too.
constexpr size_t session_cost = 24 * 1024;
/// Streams that a client may cut short, each second, beyond those it may in one go.
constexpr uint32_t resets_per_second = 33;

/// Of an upstream: it gets no new streams, and has had the last.
bool is_spent(const http2::session& s) {
  return s.resets() >= http2::session_limits{}.max_upstream_resets && s.stream_count() == 0;
}

} // namespace

http2::session_limits limits_of(const config::limits& from) {
  http2::session_limits limits;
  limits.head = {from.max_head_bytes, from.max_header_fields};
  return limits;
}

http2_link::http2_link(event_loop& loop, transport& client, ready_handler& owner,
                       const http2::session_limits& limits)
  : loop_(loop), held_(loop.memory()), io_(&client), owner_(&owner),
    session_(http2::role::server, limits), moved_at_(loop.now()), quiet_since_(loop.now()),
    earned_at_(loop.now()) {}

http2_link::http2_link(event_loop& loop, std::shared_ptr<const upstream> carrier, transport& io,
                       const http2::session_limits& limits)
  : loop_(loop), held_(loop.memory()), carrier_(std::move(carrier)), io_(&io),
    session_(http2::role::client, limits), moved_at_(loop.now()), quiet_since_(loop.now()),
    earned_at_(loop.now()) {}

http2_link::~http2_link() { loop_.not_again(*this); }

void http2_link::start() {
  io_->belong_to(this);
  schedule(); // what came with the handshake waits in the transport, unannounced
}

void http2_link::schedule() {
  if (io_ && !std::exchange(scheduled_, true))
    loop_.again(*this);
}

void http2_link::fire() {
  auto self = shared_from_this(); // a flow that wakes may be the last to hold it
  scheduled_ = false;
  if (io_)
    receive(false);
  if (io_)
    send();
  if (io_ && carrier_ && (is_over() || is_spent(session_)))
    lose();
  if (auto was_busy = std::exchange(busy_, session_.stream_count() > 0); was_busy && !busy_) {
    quiet_since_ = loop_.now();
    if (out_.empty())
      std::string{}.swap(out_); // an idle connection keeps no buffer
  }
  held_.set(session_cost + session_.held() + out_.capacity());
  while (auto* s = session_.take_news())
    if (s->user)
      static_cast<http2_stream*>(s->user)->wake();
  if (owner_)
    owner_->fire();
}

void http2_link::receive(bool unannounced) {
  if (auto seconds = (loop_.now() - earned_at_) / std::chrono::seconds{1}; seconds > 0) {
    earned_at_ = loop_.now();
    session_.earn_resets(resets_per_second * static_cast<uint32_t>(std::min<int64_t>(seconds, 60)));
  }
  for (int i = 0; i < frame_reads_per_turn; ++i) {
    if (!std::exchange(unannounced, false) && !io_->may_read())
      return;
    auto buffer = loop_.scratch().first(frame_read_size);
    auto got = io_->read(buffer);
    if (got.blocked())
      return;
    if (!got.ok() || session_.is_over()) {
      lose();
      return;
    }
    if (session_.receive({buffer.data(), got.size})) {
      send(); // the goodbye
      lose();
      return;
    }
  }
  schedule();
}

void http2_link::send() {
  while (io_ && io_->may_write()) {
    while (out_.size() < write_size) {
      auto more = session_.output();
      if (more.empty())
        break;
      out_ += more;
    }
    if (out_.empty())
      return;
    auto written = io_->write(std::string_view{out_}.substr(sent_));
    if (written.blocked())
      return;
    if (!written.ok()) {
      receive(true); // what the peer had to say before it hung up; the loop may not know of it yet
      if (io_)
        lose();
      return;
    }
    moved_at_ = loop_.now();
    sent_ += written.size;
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
    }
  }
}

void http2_link::lose() {
  auto* gone = std::exchange(io_, nullptr);
  if (carrier_)
    tls_fault_ = gone->end_words(session_.is_ready());
  session_.lose();
  if (carrier_)
    gone->close();
}

void http2_link::detach() {
  owner_ = nullptr;
  if (!io_)
    return;
  io_ = nullptr;
  session_.lose();
  schedule_wakes();
}

void http2_link::schedule_wakes() {
  if (!std::exchange(scheduled_, true))
    loop_.again(*this);
}

bool http2_link::is_full() const noexcept { return session_.held() + held_by_requests > max_held; }

bool http2_link::is_over() const noexcept { return !io_ || (session_.is_over() && out_.empty()); }

steady_time http2_link::moved_at() const noexcept {
  // What counts as taken may still wait for the peer, in the socket.
  auto waits = !out_.empty() || (io_ && !io_->may_write());
  return waits ? moved_at_ : loop_.now();
}

std::optional<steady_time> http2_link::quiet_since() const noexcept {
  if (session_.stream_count() > 0)
    return std::nullopt;
  return busy_ ? loop_.now() : quiet_since_;
}

} // namespace proxy
