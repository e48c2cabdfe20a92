#include "actors/answers.hpp"
#include "actors/flows.hpp"
#include "actors/http2/dial.hpp"
#include "actors/intercept.hpp"
#include "actors/pump.hpp"
#include "actors/upstream_name.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/login.hpp"
#include "protocols/http1/rewrite.hpp"
#include "protocols/http1/upgrade.hpp"

namespace proxy {

namespace {

/// One read of a response head: what it holds of the body is copied, the rest may be spliced.
constexpr size_t head_read_size = 16 * 1024;

/// 1xx responses before the final one. Beyond it: 502.
constexpr int max_interim_heads = 32;

/// For Via; "" leaves it to the head.
std::string_view version_of(const upstream& u) { return u.io.is_stream() ? "2.0" : ""; }

/// What a step of an exchange came to.
enum class step : uint8_t {
  wait,     ///< Nothing to do before an end is ready.
  again,    ///< There is more to do, after others had their turn.
  complete, ///< The response is delivered.
  tunnel,   ///< 101: the protocol was switched.
  retry,    ///< The reused connection was dead: the request never got anywhere.
  fault,    ///< The client is owed an answer: `error`.
  broken,   ///< The response has begun and cannot be completed.
  client_gone,
};

/// One request and its response, moving between two transports in both directions at once.
class transfer {
public:
  transfer(connection& c, exchange& x, upstream& u) : c_(c), x_(x), u_(u), up_(make_up(x)) {}

  /// Begins: sends the head with what of the body has come with it.
  [[nodiscard]] step begin();
  /// Moves what can be moved.
  [[nodiscard]] step advance();

  [[nodiscard]] bool response_begun() const noexcept { return begun_; }
  /// Both sides may serve another exchange.
  [[nodiscard]] bool upstream_reusable() const noexcept { return reusable_ && up_.finished(); }
  [[nodiscard]] bool client_reusable() const noexcept { return keep_client_ && up_.finished(); }
  [[nodiscard]] bool request_sent() const noexcept { return up_over_ || up_.finished(); }
  /// Whether bytes moved since the last call.
  [[nodiscard]] bool progressed() noexcept {
    auto moved = up_.moved() + (down_ ? down_->moved() : 0);
    return std::exchange(seen_, moved) != moved;
  }
  [[nodiscard]] step timed_out() {
    // Whoever owes the next byte is the one that is late.
    if (!request_sent() && !up_.holds_bytes() && !x_.expects_continue)
      return fail(errc::request_timeout, "the request body did not arrive in time");
    // A connection that has gone silent must not take more streams.
    if (u_.io.is_stream())
      u_.io.stream()->link().session().drain();
    return fail(errc::response_timeout, "no response from the upstream in time");
  }
  [[nodiscard]] caf::error take_error() { return std::move(error_); }
  /// What the client has of the response does not tell that it is cut short.
  [[nodiscard]] bool cut_looks_whole() const noexcept {
    return down_ && (down_->ends_with_source() || dechunked_);
  }
  /// Of the final response; 0 before it.
  [[nodiscard]] uint16_t status() const noexcept { return status_; }
  [[nodiscard]] exchange_size size() const noexcept {
    auto body = [](const pump& p, size_t head) {
      return p.chunk_data().value_or(p.moved() > head ? p.moved() - head : 0);
    };
    return {body(up_, x_.head.size()), down_ ? body(*down_, head_size_) : 0};
  }
  /// Bytes in its buffers, and in those of the request it serves.
  [[nodiscard]] size_t held() const noexcept {
    return up_.held() + (down_ ? down_->held() : 0) + head_.capacity() + x_.head.capacity() +
           x_.received.capacity() + c_.pending.capacity();
  }
  void count() const {
    c_.bytes_up += up_.moved();
    if (down_)
      c_.bytes_down += down_->moved();
  }

private:
  static pump make_up(const exchange& x) {
    if (x.body == http1::framing::chunked)
      return pump{
        pump::chunks{.decode = false, .trailers = {.of_response = false, .strip = x.held_back}}};
    return pump{pump::length{x.body == http1::framing::length ? x.content_length : 0}};
  }

  [[nodiscard]] step move_up();
  [[nodiscard]] step read_response();
  [[nodiscard]] step settle_head(std::string_view bytes);
  [[nodiscard]] step begin_body(std::string_view rest);
  [[nodiscard]] step move_down();
  [[nodiscard]] step upstream_failed(const std::string& how);
  [[nodiscard]] step fail(errc code, std::string context) {
    error_ = caf::make_error(code, std::move(context));
    return begun_ ? step::broken : step::fault;
  }

  connection& c_;
  exchange& x_;
  upstream& u_;
  pump up_;
  std::optional<pump> down_;
  std::string head_; ///< A response head that came in pieces.
  size_t scanned_ = 0;
  uint64_t seen_ = 0;
  int interim_heads_ = 0;
  uint16_t status_ = 0;
  size_t head_size_ = 0;   ///< Of the response as it was sent.
  bool got_bytes_ = false; ///< Something of a response has come.
  bool begun_ = false;     ///< Something of the response went to the client.
  bool up_over_ = false;   ///< The upstream takes no more of the request.
  bool dechunked_ = false; ///< The client sees no framing of the body.
  bool reusable_ = false;
  bool keep_client_ = false;
  caf::error error_;
};

step transfer::begin() {
  auto early = x_.body == http1::framing::none ? std::string_view{} : std::string_view{c_.pending};
  auto begun = up_.start(u_.io, x_.head, early);
  if (begun.what == pump::status::malformed)
    return fail(errc::malformed, context_of(up_.framing_error()));
  c_.pending.erase(0, begun.taken);
  if (begun.what == pump::status::sink_failed)
    return upstream_failed("the connection broke while the request was sent");
  return step::wait;
}

step transfer::advance() {
  if (c_.client.dead())
    return step::client_gone;
  auto again = false;
  if (!up_over_ && !up_.finished()) {
    auto s = move_up();
    if (s != step::wait && s != step::again)
      return s;
    again = s == step::again;
  }
  auto s = down_ ? move_down() : read_response();
  return s == step::wait && again ? step::again : s;
}

step transfer::move_up() {
  switch (up_.run(c_.shard.loop, c_.client, u_.io)) {
    case pump::status::busy: return step::again;
    case pump::status::blocked: return step::wait;
    case pump::status::finished: {
      auto excess = up_.take_excess();
      c_.pending.append(excess);
      return step::wait;
    }
    case pump::status::malformed: return fail(errc::malformed, context_of(up_.framing_error()));
    case pump::status::source_ended:
    case pump::status::source_failed: return step::client_gone;
    case pump::status::sink_failed:
      // An upstream may answer and close without reading the body: its answer counts.
      up_over_ = true;
      return step::wait;
  }
  return step::wait;
}

step transfer::upstream_failed(const std::string& how) {
  // RFC 9110 §9.2.2: a kept connection may have been closed while idle; what was idempotent and
  // whole can be sent again.
  auto whole = x_.body != http1::framing::chunked && x_.content_length == 0;
  auto untouched = u_.io.is_stream() && u_.io.stream()->is_refused();
  if (!got_bytes_ && whole && ((u_.reused && x_.idempotent) || untouched))
    return step::retry;
  return fail(errc::bad_response, how);
}

step transfer::read_response() {
  while (u_.io.may_read()) {
    auto buffer = c_.shard.loop.scratch().first(head_read_size);
    auto got = u_.io.read(buffer);
    if (got.blocked())
      break;
    if (!got.ok())
      return upstream_failed(got_bytes_ ? "the upstream closed within the response head"
                                        : "the upstream closed without a response");
    got_bytes_ = true;
    std::string_view bytes{buffer.data(), got.size};
    if (!head_.empty()) {
      head_.append(bytes);
      bytes = head_;
    }
    auto s = settle_head(bytes);
    if (s != step::wait || down_)
      return s;
  }
  return step::wait;
}

/// Handles every response head in `bytes`: interim ones are passed on, the final one begins the
/// body.
step transfer::settle_head(std::string_view bytes) {
  auto& res = c_.shard.response;
  const auto& config = c_.shard.config();
  http1::head_limits limits{config.limits.max_head_bytes, config.limits.max_header_fields};
  for (;;) {
    auto end = http1::find_head_end(bytes, scanned_);
    if (end.value_or(bytes.size()) > limits.max_bytes)
      return fail(errc::bad_response,
                  "response head longer than " + std::to_string(limits.max_bytes) + " bytes");
    if (!end) {
      scanned_ = bytes.size();
      head_ = std::string{bytes}; // a copy first: `bytes` may be a view of it
      return step::wait;
    }
    scanned_ = 0;
    if (auto err = http1::decode_response(bytes.substr(0, *end), limits, x_.to_head, false, res))
      return fail(errc::bad_response, context_of(err));
    auto rest = bytes.substr(*end);
    auto switches = res.status == 101 && x_.upgrade && http1::takes_offer(res, x_.offered);
    if (switches && c_.is_stream &&
        !c_.client.stream()->is_answered_by(res.find("sec-websocket-accept").value_or("")))
      return fail(errc::bad_response, "101 that does not answer the handshake");
    // As the answer to an extended CONNECT it would mean that the protocol was switched.
    if (c_.is_stream && x_.upgrade && res.status >= 200 && res.status < 300)
      return fail(errc::bad_response, "the upstream does not switch the protocol");
    if (res.status == 101 && !switches)
      return fail(errc::bad_response, "101 to a protocol that was not offered");
    // The client knows nothing of that proxy, and has no credentials for it.
    if (res.status == 407 && x_.via && !needs_tunnel(x_))
      return fail(errc::bad_response, asks_for_credentials(*x_.via));
    if (res.status >= 200 || switches)
      return begin_body(rest);
    if (++interim_heads_ > max_interim_heads)
      return fail(errc::bad_response, "too many interim responses");
    if (!x_.client_1_0) {
      std::string interim;
      http1::rewrite_response(res, {.via = pseudonym_of(c_), .received = version_of(u_)}, false,
                              interim);
      auto sent = c_.client.write(interim);
      // Interim responses are optional: one that does not fit at once is dropped whole, never cut.
      // (Under TLS it is sealed by then and can no longer be dropped.)
      if (sent.failed() || (sent.size < interim.size() && (sent.ok() || c_.client.is_tls())))
        return step::client_gone;
    }
    bytes = rest;
  }
}

step transfer::begin_body(std::string_view rest) {
  auto& res = c_.shard.response;
  auto& out = c_.shard.loop.out();
  auto switches = res.status == 101;
  status_ = res.status;
  u_.logged_in |= x_.logs_in || (res.status == 401 && http1::has_connection_login(res));
  auto body = res.body;
  auto dechunk = body == http1::framing::chunked && x_.client_1_0;
  if (switches || body == http1::framing::until_close)
    down_.emplace(pump::until_end{});
  else if (body == http1::framing::chunked)
    down_.emplace(pump::chunks{.decode = dechunk, .trailers = {.of_response = true}});
  else
    down_.emplace(pump::length{body == http1::framing::length ? res.content_length : 0});
  dechunked_ = dechunk;
  if (dechunk)
    res.body = http1::framing::until_close;
  // A request body that is still coming may never end: such a connection is not promised to go on.
  keep_client_ =
    x_.keep_alive && !c_.draining && res.body != http1::framing::until_close && up_.finished();
  reusable_ = res.keep_alive && body != http1::framing::until_close && !switches;
  out.clear();
  http1::rewrite_options options{.via = pseudonym_of(c_),
                                 .keep_upgrade = switches,
                                 .close = !keep_client_ && !switches,
                                 .received = version_of(u_)};
  http1::rewrite_response(res, options, x_.client_1_0, out);
  head_size_ = out.size();
  if (switches) {
    c_.first_down.assign(out).append(rest);
    return step::tunnel;
  }
  auto begun = down_->start(c_.client, out, rest);
  if (begun.what == pump::status::malformed)
    return fail(errc::bad_response,
                context_of(down_->framing_error())); // nothing of it has gone out yet
  begun_ = true;
  if (begun.what == pump::status::sink_failed)
    return step::client_gone;
  if (begun.taken < rest.size())
    reusable_ = false;       // bytes that nobody asked for
  std::string{}.swap(head_); // `rest` may have been a view of it
  return begun.what == pump::status::finished ? step::complete : move_down();
}

step transfer::move_down() {
  switch (down_->run(c_.shard.loop, u_.io, c_.client)) {
    case pump::status::busy: return step::again;
    case pump::status::blocked: return step::wait;
    case pump::status::finished:
      if (!down_->take_excess().empty())
        reusable_ = false;
      return step::complete;
    case pump::status::source_ended:
      // Only a body that is delimited by the end of the connection may end with it.
      if (down_->ends_with_source())
        return step::complete;
      return fail(errc::bad_response, "the response was cut short");
    case pump::status::source_failed:
      return fail(errc::bad_response, "the connection broke within the response");
    case pump::status::malformed:
      return fail(errc::bad_response, context_of(down_->framing_error()));
    case pump::status::sink_failed: return step::client_gone;
  }
  return step::wait;
}

/// Runs one exchange on one upstream connection. @returns how it ended; `error` is set for faults.
task<step> run_exchange(connection& c, transfer& t) {
  auto deadline = c.in(c.timeouts().response);
  auto s = t.begin();
  while (s == step::wait || s == step::again) {
    s = t.advance();
    if (s == step::again) {
      co_await c.wakes.next_turn();
      deadline = c.in(c.timeouts().idle);
    } else if (s == step::wait) {
      // Once bytes move in either direction, silence is what counts.
      if (t.progressed())
        deadline =
          c.in(t.response_begun() || !t.request_sent() ? c.timeouts().idle : c.timeouts().response);
      c.holds(t.held());
      auto in_time = co_await c.wakes.until(deadline);
      if (!in_time)
        co_return t.timed_out();
    }
  }
  co_return s;
}

} // namespace

namespace {

/// What of the client's own, of the pool, or of a shared connection can take a request at once;
/// nullptr for nothing.
std::unique_ptr<upstream> take_ready(connection& c, const exchange& x) {
  // An upgrade needs a connection of its own: behind an upstream proxy, a tunnel.
  if (x.upgrade)
    return nullptr;
  auto key = key_of(x);
  if (c.logins)
    if (auto own = c.logins->take(key, c.user, c.wakes))
      return own;
  return x.logs_in ? c.shard.pool.take(key, c.wakes) : take_kept(c, key);
}

/// Whether another stream that dials the same upstream may get a connection to share.
bool may_share(const connection& c, const exchange& x) {
  return c.is_stream && !x.upgrade && !x.logs_in &&
         c.shard.pool.speaks(key_of(x)) != origin_protocol::http1;
}

/// Keeps what has served an exchange: for this client alone where it may have logged in.
void keep_upstream(connection& c, std::unique_ptr<upstream> served) {
  if (served->generation != c.shard.policy->generation || c.draining)
    return;
  if (!served->logged_in) {
    c.shard.pool.keep(std::move(served));
    return;
  }
  if (!c.logins)
    c.logins = std::make_shared<login_connections>(c.shard.pool);
  c.logins->keep(std::move(served), c.user);
}

/// Hands a switched connection to its tunnel, unless a new policy refuses it.
task<after> begin_switched(connection& c, exchange& x, policy::permit& permit) {
  auto denial = judge_anew(c, x, permit);
  if (!denial && !x.via) {
    auto judged = policy::vet(*x.under->rules, permit, {c.server->address});
    if (auto* no = std::get_if<policy::denial>(&judged))
      denial = std::move(*no);
  }
  if (denial) {
    c.server.reset();
    c.first_down.clear();
    co_return co_await refuse(c, x, *denial);
  }
  admit_tunnel(c, permit, std::move(x.received));
  co_return after::tunnel;
}

} // namespace

task<after> forward(connection& c, exchange& x, policy::permit permit) {
  if (c.shard.config().log.access && !c.inside)
    c.admitted = describe_admission(permit);
  for (auto attempt = 0;; ++attempt) {
    auto next = after::close;
    if (attempt == 0) {
      c.server = take_ready(c, x);
      if (!c.server && may_share(c, x)) {
        auto key = key_of(x);
        co_await wait_for_dialling(c, key);
        if (auto denial = judge_anew(c, x, permit))
          co_return co_await refuse(c, x, *denial);
        c.server = take_ready(c, x);
      }
    }
    if (c.server) {
      ++c.shard.counters.upstream_reuses;
      record_admission(c, x, permit);
    } else {
      auto reached = co_await reach(c, x, permit, next);
      if (!reached)
        co_return next;
      c.server = std::move(reached);
    }
    if (c.client.dead()) { // nobody asks any more, or a new policy has closed the tunnel
      c.end = ending::client_gone;
      co_return after::close;
    }
    transfer t{c, x, *c.server};
    // A new policy judges meanwhile what is inside a tunnel, or may be as open as one.
    c.running = c.inside || x.body != http1::framing::none ? &x : nullptr;
    auto s = co_await run_exchange(c, t);
    c.running = nullptr;
    if (s == step::retry && attempt == 0) {
      c.server.reset();
      continue;
    }
    t.count();
    if (c.inside && c.shard.config().mitm.inspect)
      log_exchange(c, x, t.status(), t.size());
    if (s == step::tunnel)
      co_return co_await begin_switched(c, x, permit);
    auto upstream_ok = s == step::complete && t.upstream_reusable();
    auto client_ok = s == step::complete && t.client_reusable();
    if (upstream_ok)
      keep_upstream(c, std::move(c.server));
    c.server.reset();
    if (s == step::fault || s == step::retry) {
      auto why = t.take_error();
      if (!why)
        why = caf::make_error(errc::bad_response,
                              std::string{"the upstream closed without a response"});
      co_return co_await fault(c, x, why);
    }
    if (s == step::complete) {
      // An unfinished upload: our response must not be reset away by the rest of it.
      c.linger = !client_ok;
      co_return client_ok ? after::next_request : after::close;
    }
    c.end = s == step::client_gone ? ending::client_gone : ending::upstream_gone;
    c.reset = t.cut_looks_whole();
    co_return after::close;
  }
}

} // namespace proxy
