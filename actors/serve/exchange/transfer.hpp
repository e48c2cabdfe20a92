#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/net/pump.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/tunnel/intercept.hpp"

namespace proxy {

/// What a step of an exchange came to.
enum class step : uint8_t {
  wait,       ///< Nothing to do before an end is ready.
  again,      ///< There is more to do, after others had their turn.
  complete,   ///< The response is delivered.
  tunnel,     ///< 101: the protocol was switched.
  retry,      ///< The reused connection was dead: the request never got anywhere.
  over_http1, ///< The same on a connection of its own: the upstream wants HTTP/1.1.
  fault,      ///< The client is owed an answer: `error`.
  broken,     ///< The response has begun and cannot be completed.
  client_gone,
};

/// One request and its response, moving between two transports in both directions at once.
class transfer {
public:
  transfer(client_session& c, exchange& ex, upstream& u)
    : c_(c), exchange_(ex), u_(u), up_(make_up(ex)), sent_at_(c.shard.loop.now()) {
    // Only a stream can be refused after it has taken a part of the body.
    if (u.io.stream() && ex.body != http1::framing::none)
      up_.keep_copy(max_copy);
  }

  /// Begins: sends the head with what of the body has come with it.
  /// @param fresh  Of the exchange, whose upstream was vetted under the same policy.
  [[nodiscard]] step begin(const fresh_pass& fresh) { return begin(fresh.snapshot().generation); }
  [[nodiscard]] step begin(const fresh_socket_pass& fresh) {
    return begin(fresh.snapshot().generation);
  }
  /// There is no fresh pass to begin with.
  [[nodiscard]] step outdated() {
    return fail(errc::policy_changed, "another policy came before the request was sent");
  }
  /// Moves what can be moved.
  [[nodiscard]] step advance();

  [[nodiscard]] bool response_begun() const noexcept { return begun_; }
  /// Both sides may serve another exchange.
  [[nodiscard]] bool upstream_reusable() const noexcept {
    return reusable_ && up_.finished() && !up_over_;
  }
  [[nodiscard]] bool client_reusable() const noexcept { return keep_client_ && up_.finished(); }
  [[nodiscard]] bool request_sent() const noexcept { return up_over_ || up_.finished(); }
  /// Whether bytes moved since the last call.
  [[nodiscard]] bool progressed() noexcept {
    auto now = moved();
    return std::exchange(seen_, now) != now;
  }
  /// Whether an interim response came since the last call.
  [[nodiscard]] bool heard() noexcept {
    return std::exchange(heard_, interim_heads_) != interim_heads_;
  }
  /// @param limit  The setting that was met, with its value.
  [[nodiscard]] step timed_out(const std::string& limit);
  /// Gives back what was read of the request body, so that it can be sent again.
  void put_back();
  /// The code that an upstream's stream was cut short with.
  [[nodiscard]] std::optional<uint32_t> end_code() const noexcept {
    return u_.io.stream() ? u_.io.stream()->end_code() : std::nullopt;
  }
  /// A body is under way, and it is the turn of who sends or receives it: not of the upstream that
  /// has the whole request, nor of one that says something only when there is something to say.
  [[nodiscard]] bool body_is_due() const noexcept;
  /// Bytes that were delivered, either way.
  [[nodiscard]] uint64_t moved() const noexcept {
    return up_.moved() + (down_ ? down_->moved() : 0);
  }
  /// The body moves too slowly. @returns `wait` where it may, after all.
  [[nodiscard]] step too_slow();
  [[nodiscard]] caf::error take_error() { return std::move(error_); }
  [[nodiscard]] const caf::error& error() const noexcept { return error_; }
  /// What the client has of the response does not tell that it is cut short, or it does not read.
  [[nodiscard]] bool needs_reset() const noexcept {
    return slow_ || (down_ && (down_->ends_with_source() || dechunked_));
  }
  /// Of the final response; 0 before it.
  [[nodiscard]] uint16_t status() const noexcept { return status_; }
  [[nodiscard]] exchange_size size() const noexcept {
    auto body = [](const pump& p, size_t head) {
      return p.chunk_data().value_or(p.moved() > head ? p.moved() - head : 0);
    };
    return {body(up_, exchange_.head.size()), down_ ? body(*down_, head_size_) : 0};
  }
  /// Bytes in its buffers, and in those of the request it serves.
  [[nodiscard]] size_t held() const noexcept {
    return up_.held() + (down_ ? down_->held() : 0) + head_.capacity() + interim_.capacity() +
           exchange_.head.capacity() + exchange_.received().capacity() +
           c_.reader.pending.capacity();
  }
  void count() const {
    c_.bytes_up += up_.moved();
    if (down_)
      c_.bytes_down += down_->moved();
  }

private:
  /// Of a request body, kept as long as it may have to be sent again.
  static constexpr size_t max_copy = 64 * 1024;

  static pump make_up(const exchange& ex) {
    if (ex.body == http1::framing::chunked)
      return pump{
        pump::chunks{.decode = false, .trailers = {.of_response = false, .strip = ex.held_back}}};
    return pump{pump::length{ex.body == http1::framing::length ? ex.content_length : 0}};
  }

  [[nodiscard]] step begin(uint64_t generation);
  [[nodiscard]] step move_up();
  [[nodiscard]] step upload_failed(int error);
  /// @param at_once  Asks the kernel even where nothing is known to wait.
  [[nodiscard]] step read_response(bool at_once = false);
  [[nodiscard]] step read_last_words();
  [[nodiscard]] step settle_head(std::string_view bytes);
  [[nodiscard]] bool pass_on_interim(const http1::response& res, size_t most);
  [[nodiscard]] bool write_interim();
  [[nodiscard]] step begin_body(std::string_view rest);
  [[nodiscard]] step move_down();
  [[nodiscard]] step upstream_failed(std::string how);
  /// Whether all of the request can be sent once more.
  [[nodiscard]] bool is_whole() noexcept;
  [[nodiscard]] step fail(errc code, std::string context) {
    error_ = caf::make_error(code, std::move(context));
    return begun_ || !interim_.empty() ? step::broken : step::fault;
  }

  client_session& c_;
  exchange& exchange_;
  upstream& u_;
  pump up_;
  steady_time sent_at_; ///< When all of the request was sent; until then, when that began.
  std::optional<pump> down_;
  std::optional<std::string> copy_; ///< Of what was read of the body, once it is to be sent again.
  std::string head_;                ///< A response head that came in pieces.
  std::string interim_;             ///< Of interim responses, what the client has yet to take.
  size_t scanned_ = 0;
  uint64_t seen_ = 0;
  int interim_heads_ = 0;
  int heard_ = 0; ///< As `interim_heads_` was at the last look.
  uint16_t status_ = 0;
  size_t head_size_ = 0;      ///< Of the response as it was sent.
  bool got_bytes_ = false;    ///< Something of a response has come.
  bool begun_ = false;        ///< Something of the response went to the client.
  bool up_over_ = false;      ///< The upstream takes no more of the request.
  bool dechunked_ = false;    ///< The client sees no framing of the body.
  bool event_stream_ = false; ///< The response is one whose silence is no fault.
  bool slow_ = false;         ///< It was cut because it moved too slowly.
  bool reusable_ = false;
  bool keep_client_ = false;
  caf::error error_;
};

/// Runs one exchange, which has begun, on one upstream connection.
/// @param begun  What `transfer::begin` came to.
/// @returns how it ended; `transfer::take_error` is set for faults.
task<step> run_exchange(client_end& c, transfer& t, step begun);

/// Tells the spans of a request, if it has any, what an exchange has come to.
void record_outcome(client_session& c, const transfer& t, step how);

} // namespace proxy
