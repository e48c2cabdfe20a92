#include "actors/serve/exchange/transfer.hpp"

#include <cerrno>

#include "actors/serve/answer/answers.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/body_meter.hpp"
#include "actors/serve/setting_text.hpp"
#include "actors/serve/upstream/http2_dial.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/event_stream.hpp"
#include "protocols/http1/login.hpp"
#include "protocols/http1/rewrite.hpp"
#include "protocols/http1/upgrade.hpp"

namespace proxy {

namespace {

/// One read of a response head: what it holds of the body is copied, the rest may be spliced.
constexpr size_t response_read_size = 16 * 1024;

/// 1xx responses before the final one. Beyond it: 502.
constexpr int max_interim_responses = 32;

constexpr const char* broken_on_the_way = "the connection broke while the request was sent";

/// Of a request head as it was received, whose syntax is known to be right; "" for none.
std::string_view content_type_of(std::string_view head) {
  constexpr std::string_view name = "content-type:";
  for (auto at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    auto line = head.substr(at + 1, head.find('\n', at + 1) - at - 1);
    if (ascii::equals_ignoring_case(line.substr(0, name.size()), name))
      return ascii::trim(line.substr(name.size(), line.find('\r') - name.size()));
  }
  return {};
}

/// For Via; "" leaves it to the head.
std::string_view version_of(const upstream& u) { return u.io.stream() ? "2.0" : ""; }

} // namespace

step transfer::begin(uint64_t generation) {
  if (u_.generation != generation)
    return fail(errc::policy_changed, "the connection was made under another policy");
  auto early = exchange_.body == http1::framing::none ? std::string_view{}
                                                      : std::string_view{c_.reader.pending};
  auto begun = up_.start(u_.io, exchange_.head, early);
  if (begun.what == pump::status::malformed)
    return fail(errc::malformed, context_of(up_.framing_error()));
  c_.reader.pending.erase(0, begun.taken);
  if (begun.what == pump::status::sink_failed)
    return u_.reused ? upstream_failed(broken_on_the_way) : read_last_words();
  return step::wait;
}

/// An upstream that takes no more may have said why: its answer, or an alert, counts.
step transfer::read_last_words() {
  up_over_ = true;
  auto s = read_response(true); // the loop may not have told of them yet
  if (s != step::wait || down_)
    return s;
  return upstream_failed(broken_on_the_way);
}

step transfer::advance() {
  if (c_.client.dead())
    return step::client_gone;
  if (!interim_.empty() && c_.client.may_write() && !write_interim())
    return step::client_gone;
  if (auto error = u_.io.take_lost_write(); error != 0 && !up_over_)
    if (auto s = upload_failed(error); s != step::wait)
      return s;
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
      c_.reader.pending.append(excess);
      sent_at_ = c_.shard.loop.now();
      return step::wait;
    }
    case pump::status::malformed: return fail(errc::malformed, context_of(up_.framing_error()));
    case pump::status::source_ended:
    case pump::status::source_failed: return step::client_gone;
    case pump::status::sink_failed: return upload_failed(up_.error());
  }
  return step::wait;
}

/// Of the request, or its body, nothing more is taken.
step transfer::upload_failed(int error) {
  // An upstream may answer and close without reading the body: its answer counts.
  up_over_ = true;
  if (down_ || error == EPIPE || error == ECONNRESET)
    return step::wait;
  return read_last_words(); // it has not closed, and would wait for what was lost
}

bool transfer::is_whole() noexcept {
  if (!copy_)
    copy_ = up_.take_copy();
  return copy_ || (exchange_.body != http1::framing::chunked && exchange_.content_length == 0);
}

void transfer::put_back() {
  if (copy_)
    c_.reader.pending.insert(0, *copy_ + up_.take_excess());
}

step transfer::upstream_failed(std::string how) {
  auto* stream = u_.io.stream();
  auto code = errc::bad_response;
  if (auto words = u_.io.end_words(got_bytes_ || u_.reused); !words.empty()) {
    how = std::move(words);
    auto of_tls = !stream || !stream->link().tls_fault().empty();
    code = of_tls ? errc::tls_handshake : code;
  }
  auto failed = fail(code, std::move(how));
  auto wants_http1 = stream && stream->wants_http1();
  if (wants_http1)
    c_.shard.pool.note(u_.key, origin_protocol::http1);
  if (got_bytes_ || begun_)
    return failed;
  // RFC 9113 §7, §8.7: nothing was done with the request. A goodbye that takes it in does not say
  // so.
  constexpr uint32_t http_1_1_required = 0xd;
  auto untouched = stream && (stream->end_code() == http_1_1_required || stream->is_refused());
  if (wants_http1 && (untouched || exchange_.idempotent) && is_whole())
    return step::over_http1;
  if (stream && stream->is_refused() && is_whole())
    return step::retry;
  // RFC 9110 §9.2.2: a kept connection may have been closed while idle; what was idempotent and
  // whole can be sent again.
  auto whole = exchange_.body != http1::framing::chunked && exchange_.content_length == 0;
  return whole && u_.reused && exchange_.idempotent ? step::retry : failed;
}

step transfer::timed_out(const std::string& limit) {
  // Whoever owes the next byte is the one that is late.
  if (!request_sent() && !up_.holds_bytes() && !exchange_.expects_continue)
    return fail(errc::request_timeout, "the request body paused for longer than " + limit);
  // A connection that has gone silent must not take more streams.
  if (auto* stream = u_.io.stream())
    stream->link().session().drain();
  return fail(errc::response_timeout, "no response from the upstream within " + limit);
}

step transfer::read_response(bool at_once) {
  while (std::exchange(at_once, false) || u_.io.may_read()) {
    auto buffer = c_.shard.loop.scratch().first(response_read_size);
    auto got = u_.io.read(buffer);
    if (got.blocked())
      break;
    if (!got.ok())
      return upstream_failed(got_bytes_ ? "the upstream closed within the response head"
                                        : "the upstream closed without a response");
    got_bytes_ = true;
    up_.drop_copy();
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
      return fail(errc::bad_response, "response " + http1::head_too_long(limits.max_bytes));
    if (!end) {
      scanned_ = bytes.size();
      head_ = std::string{bytes}; // a copy first: `bytes` may be a view of it
      return step::wait;
    }
    scanned_ = 0;
    if (auto err =
          http1::decode_response(bytes.substr(0, *end), limits, exchange_.to_head, false, res))
      return fail(errc::bad_response, context_of(err));
    auto rest = bytes.substr(*end);
    auto switches =
      res.status == 101 && exchange_.upgrade && http1::takes_offer(res, exchange_.offered);
    if (switches && c_.client.stream() &&
        !c_.client.stream()->is_answered_by(res.find("sec-websocket-accept").value_or("")))
      return fail(errc::bad_response, "101 that does not answer the handshake");
    // As the answer to an extended CONNECT it would mean that the protocol was switched.
    if (c_.client.stream() && exchange_.upgrade && res.status >= 200 && res.status < 300)
      return fail(errc::bad_response, "the upstream does not switch the protocol");
    if (res.status == 101 && !switches)
      return fail(errc::bad_response, "101 to a protocol that was not offered");
    // The client knows nothing of that proxy, and has no credentials for it.
    if (res.status == 407 && exchange_.via && !needs_tunnel(exchange_))
      return fail(errc::upstream_proxy_login, asks_for_credentials(*exchange_.via));
    if (res.status >= 200 || switches)
      return begin_body(rest);
    if (++interim_heads_ > max_interim_responses)
      return fail(errc::bad_response,
                  "more than " + std::to_string(max_interim_responses) + " interim responses");
    if (!exchange_.client_1_0 && !pass_on_interim(res, limits.max_bytes))
      return step::client_gone;
    bytes = rest;
  }
}

/// Interim responses are optional: once `most` bytes of them wait for the client, no further one is
/// begun. @returns false when the client is gone.
bool transfer::pass_on_interim(const http1::response& res, size_t most) {
  if (interim_.size() >= most)
    return true;
  http1::rewrite_response(res, {.via = pseudonym_of(c_), .received = version_of(u_)}, interim_);
  auto whole = write_interim();
  if (c_.client.stream())
    interim_.clear(); // it takes a head whole, or not at all
  return whole;
}

/// Writes what the client has yet to take of interim responses. @returns false when it is gone.
bool transfer::write_interim() {
  auto sent = c_.client.write(interim_);
  interim_.erase(0, sent.size);
  return !sent.failed();
}

step transfer::begin_body(std::string_view rest) {
  auto& res = c_.shard.response;
  auto& out = c_.shard.loop.out();
  auto switches = res.status == 101;
  status_ = res.status;
  c_.shard.counters.request_time[phase::first_byte].observe(c_.shard.loop.now() - sent_at_);
  u_.logged_in |= exchange_.logs_in || (res.status == 401 && http1::has_connection_login(res));
  auto body = res.body;
  auto dechunk = body == http1::framing::chunked && exchange_.client_1_0;
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
  keep_client_ = exchange_.keep_alive && !c_.draining && res.body != http1::framing::until_close &&
                 up_.finished();
  reusable_ = res.keep_alive && body != http1::framing::until_close && !switches;
  out.assign(interim_); // what was begun has to end
  interim_.clear();
  http1::rewrite_options options{.via = pseudonym_of(c_),
                                 .keep_upgrade = switches,
                                 .close = !keep_client_ && !switches,
                                 .received = version_of(u_)};
  http1::rewrite_response(res, options, out);
  head_size_ = out.size();
  if (switches) {
    c_.say_first(out + std::string{rest});
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
    reusable_ = false; // bytes that nobody asked for
  if (begun.what != pump::status::finished)
    event_stream_ = http1::is_event_stream(res.find("content-type").value_or(""));
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

bool transfer::body_is_due() const noexcept {
  if (begun_)
    return !event_stream_;
  if (request_sent())
    return false;
  // Who expects 100 (Continue) waits for the upstream before the body begins.
  return !exchange_.expects_continue || up_.moved() > exchange_.head.size();
}

step transfer::too_slow() {
  auto keys = " (" + slow_body_keys(c_.shard.config()) + ")";
  auto waits_for = [](const pump& p, const transport& to) {
    return p.holds_bytes() || !to.may_write();
  };
  if (!begun_) {
    if (http1::is_event_stream(content_type_of(exchange_.received())))
      return step::wait;
    if (waits_for(up_, u_.io))
      return fail(errc::response_timeout, "the upstream takes the request body too slowly" + keys);
    return fail(errc::request_timeout, "the request body comes too slowly" + keys);
  }
  slow_ = true;
  auto client = waits_for(*down_, c_.client);
  c_.shard.log().info("msg=slow_body host={} port={} client={} cause=\"{} too slowly{}\"",
                      exchange_.target.host.text(), exchange_.target.port, c_.from.str(),
                      client ? "the client takes the response" : "the response comes", keys);
  return client ? step::client_gone
                : fail(errc::response_timeout, "the response comes too slowly" + keys);
}

task<step> run_exchange(client_end& c, transfer& t, step begun) {
  auto deadline = c.in(c.timeouts().response);
  auto is_idle = false; // which of the two is running
  auto wait_for = [&](bool idle) {
    is_idle = idle;
    deadline = c.in(idle ? c.timeouts().idle : c.timeouts().response);
  };
  body_meter meter{c.shard.config(), c.shard.loop.now()};
  auto s = begun;
  while (s == step::wait || s == step::again) {
    s = t.advance();
    if (s == step::again) {
      co_await c.wakes.next_turn();
      wait_for(true);
    } else if (s == step::wait) {
      // Once bytes move in either direction, silence is what counts.
      auto moved = t.progressed();
      auto heard = t.heard();
      if (moved || heard)
        wait_for(t.response_begun() || !t.request_sent());
      c.holds(t.held());
      auto due = t.body_is_due();
      auto look = due ? std::min(deadline, meter.next_look()) : deadline;
      auto in_time = co_await c.wakes.until(look);
      auto now = c.shard.loop.now();
      if (!due)
        meter.rest(now, t.moved());
      else if (!meter.keeps_up(now, t.moved()))
        s = t.too_slow();
      if (s == step::wait && !in_time && now >= deadline)
        co_return t.timed_out(is_idle ? setting_text("timeouts.idle", c.timeouts().idle)
                                      : setting_text("timeouts.response", c.timeouts().response));
    }
  }
  co_return s;
}

void record_outcome(client_session& c, const transfer& t, step how) {
  if (!c.spans)
    return;
  std::string_view fault;
  if (how == step::client_gone)
    fault = to_string(ending::client_gone);
  else if (how != step::complete && how != step::tunnel)
    fault = t.error() ? outcome_of(code_of(t.error())).name : to_string(ending::upstream_gone);
  c.spans->end_upstream(t.status(), fault);
  // Else the client gets an answer of ours, which says it.
  if (how == step::complete || how == step::tunnel || how == step::broken ||
      how == step::client_gone)
    c.spans->answer(t.status(), fault);
}

} // namespace proxy
