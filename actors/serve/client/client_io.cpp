#include "actors/serve/client/client_io.hpp"

#include <algorithm>

#include "actors/net/http2_link.hpp"
#include "actors/net/pump.hpp"
#include "actors/serve/exchange/body_meter.hpp"
#include "actors/serve/setting_text.hpp"
#include "protocols/http1/body_cursor.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/socks4.hpp"
#include "protocols/socks5/bytes.hpp"

namespace proxy {

namespace {

/// One read of a request head. Larger reads would only pull in body bytes that can be spliced.
constexpr size_t head_read_size = 16 * 1024;

/// Reads of a body that nobody wants before others of the loop have their turn.
constexpr int reads_per_turn = 16;

/// How long a client may take to see our last answer before the connection is reset.
constexpr std::chrono::seconds linger_time{2};
constexpr size_t linger_bytes = 16 * 1024 * 1024;

/// How long an answer to wrong credentials takes.
constexpr std::chrono::milliseconds hold_back_time{500};

/// Looks for a whole head at the start of `bytes`. @returns true when `out` is settled.
bool settle(const client_end& c, const awaited_head& what, std::string_view bytes, size_t& scanned,
            received_head& out) {
  auto is_socks = static_cast<uint8_t>(bytes[0]) == socks5::version || socks4::is_request(bytes);
  if (is_socks && what.front && speaks_socks(*what.front, c.shard.config())) {
    out.status = head_status::socks;
    return true;
  }
  if (!http1::may_be_request(bytes)) {
    out.status = head_status::failed;
    out.error = caf::make_error(errc::malformed, std::string{"not an HTTP request"});
    return true;
  }
  auto end = http1::find_head_end(bytes, scanned);
  scanned = bytes.size();
  auto limit = c.shard.config().limits.max_head_bytes;
  if (end.value_or(bytes.size()) > limit) {
    out.status = head_status::failed;
    // What has come before the first line end says which part it was.
    auto line_too_long = bytes.substr(0, limit).find('\n') == std::string_view::npos;
    out.error =
      caf::make_error(errc::head_too_large, "request " + http1::head_too_long(limit) +
                                              (line_too_long ? ", by its request line alone" : ""));
    return true;
  }
  if (!end)
    return false;
  out.status = head_status::complete;
  out.text = bytes.substr(0, *end);
  return true;
}

/// As `settle`, for what was read before. It must not lie where it grows while views point to it.
bool settle_pending(client_end& c, const awaited_head& what, size_t& scanned, received_head& out) {
  if (!settle(c, what, c.reader.pending, scanned, out))
    return false;
  auto used = out.text.size();
  out.store = std::move(c.reader.pending);
  c.reader.pending.assign(out.store, used);
  out.text = std::string_view{out.store}.substr(0, used);
  return true;
}

/// As `settle`, for the first bytes that come: most heads come whole, and are not copied. What is
/// not understood yet, or stands behind, is kept.
bool settle_new(client_end& c, const awaited_head& what, std::string_view bytes, size_t& scanned,
                received_head& out) {
  if (settle(c, what, bytes, scanned, out)) {
    if (out.status == head_status::complete || out.status == head_status::socks)
      c.reader.pending.assign(bytes.substr(out.text.size()));
    return true;
  }
  // A head in pieces grows: not when memory is short.
  if (c.shard.loop.memory().is_full()) {
    out.status = head_status::failed;
    out.error = out_of_memory(c);
    return true;
  }
  c.reader.pending.assign(bytes);
  return false;
}

/// Settles `out` where a wait for bytes came to none.
void settle_without(const client_end& c, const some_bytes& got, received_head& out) {
  auto begun = !c.reader.pending.empty();
  if (!got.late()) {
    if (got.failed() || begun)
      out.status = head_status::client_gone;
  } else if (!begun) {
    out.status = head_status::idle; // silence before the first byte is no request: no answer
  } else {
    out.status = head_status::failed;
    out.error =
      caf::make_error(errc::request_timeout, "the request head did not arrive within " +
                                               setting_text("timeouts.head", c.timeouts().head));
  }
}

} // namespace

bool is_to_give_way(const client_end& c, int& in_a_row) noexcept {
  constexpr int requests_per_turn = 8;
  if (c.reader.pending.empty() && !c.client.may_read())
    in_a_row = 0; // it waits by itself
  else
    ++in_a_row;
  return in_a_row == requests_per_turn;
}

bool speaks_socks(endpoint front, const config::proxy_config& config) noexcept {
  return config.enable_socks5 && (front == endpoint::socks || config.mixed_listeners);
}

caf::error out_of_memory(client_end& c) {
  ++c.shard.counters.requests_refused;
  if (!c.shard.loop.memory().is_full())
    return caf::make_error(errc::overloaded, "too little memory: the streams of this connection "
                                             "hold more than " +
                                               config::size_text(http2_link::max_held));
  auto limit = c.shard.config().limits.memory;
  return caf::make_error(errc::overloaded,
                         "too little memory: the buffers of all connections hold limits.memory = " +
                           (limit > 0 ? config::size_text(limit)
                                      : std::string{"0, a quarter of what the process may use"}));
}

task<> read_head(client_end& c, awaited_head what, received_head& out) {
  size_t scanned = 0;
  if (!c.reader.pending.empty() && settle_pending(c, what, scanned, out))
    co_return; // what a pipelining client sent ahead
  auto first = what.first || !c.reader.pending.empty();
  auto deadline = c.in(first ? c.timeouts().head : c.timeouts().keep_alive);
  auto looked = false;
  for (;;) {
    if (!c.client.may_read()) {
      if (c.leaving || (c.draining && c.reader.pending.empty() && !what.stays)) {
        if (std::exchange(looked, true))
          co_return;
        // What has come already is served: closing on it would be a reset. The next turn sees it.
        co_await c.wakes.next_turn();
        continue;
      }
      if (c.client.dead()) {
        out.status = head_status::client_gone;
        co_return;
      }
      c.holds(c.reader.pending.capacity());
    }
    auto got = co_await c.reader.some(head_read_size, deadline);
    if (got.woken())
      continue;
    if (!got.ok()) {
      settle_without(c, got, out);
      co_return;
    }
    if (c.reader.pending.empty()) {
      if (!std::exchange(first, true))
        deadline = c.in(c.timeouts().head);
      if (settle_new(c, what, got.bytes, scanned, out))
        co_return;
    } else {
      c.reader.pending.append(got.bytes);
      if (settle_pending(c, what, scanned, out))
        co_return;
    }
  }
}

task<sending> send_to_client(client_end& c, std::string_view bytes) {
  auto sent = c.client.write(bytes);
  if (sent.ok() && sent.size == bytes.size())
    co_return sending::done;
  std::string rest{bytes.substr(sent.ok() ? sent.size : 0)};
  held_bytes held{c.shard.loop.memory()};
  held.set(rest.capacity());
  auto total = rest.size();
  body_meter meter{c.shard.config(), c.shard.loop.now()};
  while (!rest.empty()) {
    if (sent.failed() || c.client.dead())
      co_return sending::client_gone;
    if (!c.client.may_write()) {
      auto idle = c.in(c.timeouts().idle);
      auto in_time = co_await c.wakes.until(std::min(idle, meter.next_look()));
      auto now = c.shard.loop.now();
      if (!meter.keeps_up(now, total - rest.size()) || (!in_time && now >= idle))
        co_return sending::too_slow;
      continue;
    }
    sent = c.client.write(rest);
    if (sent.ok())
      rest.erase(0, sent.size);
  }
  co_return sending::done;
}

task<bool> drain_body(client_end& c, http1::framing framing, uint64_t length) {
  if (framing == http1::framing::none)
    co_return true;
  auto limit = c.shard.config().limits.max_drain_bytes;
  if (framing == http1::framing::length && length > limit)
    co_return false;
  http1::body_cursor body{framing, length};
  // Takes what belongs to the body from the front; false when there is too much of it, or it is
  // broken.
  auto take = [&](std::string_view bytes, size_t& used) {
    auto taken = body.take(bytes);
    used = taken ? *taken : 0;
    return taken && body.taken() <= limit;
  };
  size_t used = 0;
  if (!take(c.reader.pending, used))
    co_return false;
  c.reader.pending.erase(0, used);
  auto deadline = c.in(c.timeouts().head);
  for (int reads = 1; !body.done(); ++reads) {
    if (reads % reads_per_turn == 0)
      co_await c.wakes.next_turn();
    auto got = co_await c.reader.some(head_read_size, deadline);
    if (got.woken())
      continue;
    if (!got.ok() || !take(got.bytes, used))
      co_return false;
    c.reader.pending.assign(got.bytes.substr(used));
  }
  co_return true;
}

task<> hold_back(client_end& c) {
  auto enough = c.in(hold_back_time);
  while (!c.client.dead() && !c.draining) {
    auto in_time = co_await c.wakes.until(enough);
    if (!in_time)
      co_return;
  }
}

task<> write_out(client_end& c) {
  auto deadline = c.in(linger_time);
  c.shard.loop.calls().flush();
  while (c.client.owes_bytes() && !c.client.dead()) {
    auto in_time = co_await c.wakes.until(deadline);
    if (!in_time)
      co_return;
  }
}

task<> close_in_steps(client_end& c) {
  auto ended = false;
  auto deadline = c.in(linger_time);
  for (size_t dropped = 0; dropped < linger_bytes && !c.client.dead();) {
    ended = ended || c.client.shutdown_write(); // in TLS there may be no room yet
    auto got = co_await c.reader.some(event_loop::scratch_size, deadline);
    if (got.woken())
      continue;
    if (!got.ok())
      co_return;
    dropped += got.bytes.size();
    co_await c.wakes.next_turn(); // a client that never stops sending is not alone here
  }
}

} // namespace proxy
