#include "actors/admin/admin_flow.hpp"

#include <algorithm>

#include "actors/admin/json.hpp"
#include "actors/admin/routes.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/answer/answers.hpp"
#include "actors/serve/decide/request.hpp"
#include "protocols/http1/body_cursor.hpp"

namespace proxy {

namespace {

/// Longest request body.
constexpr size_t max_body_size = 8 * 1024;
/// The same with the framing of its chunks.
constexpr size_t max_framed_size = 8 * max_body_size;

/// A reply beyond this is not sent when memory is short: whoever asks may not read it.
constexpr size_t large_reply = 64 * 1024;

enum class body_status : uint8_t { complete, too_large, malformed, gone, too_slow };

/// What follows on a request.
enum class next : uint8_t { request, close, close_in_steps, reset };

/// Reads the body of a request; what follows it stays in `c.reader.pending`.
task<body_status> read_body(client_end& c, const admin::request& req, std::string& out) {
  if (req.body == http1::framing::length && req.content_length > max_body_size)
    co_return body_status::too_large;
  http1::body_cursor body{req.body, req.content_length};
  if (req.expects_continue && !body.done() && c.reader.pending.empty()) {
    auto sent = co_await send_to_client(c, "HTTP/1.1 100 Continue\r\n\r\n");
    if (sent != sending::done)
      co_return sent == sending::too_slow ? body_status::too_slow : body_status::gone;
  }
  auto deadline = c.in(c.timeouts().head);
  auto looked = false;
  for (;;) {
    auto taken = body.take(c.reader.pending, &out);
    if (!taken)
      co_return body_status::malformed;
    c.reader.pending.erase(0, *taken);
    if (out.size() > max_body_size || body.taken() > max_framed_size)
      co_return body_status::too_large;
    if (body.done())
      co_return body_status::complete;
    if (c.leaving && !c.client.may_read()) {
      if (std::exchange(looked, true))
        co_return body_status::gone;
      co_await c.wakes.next_turn(); // which sees what has come already
      continue;
    }
    auto got = co_await c.reader.some(max_body_size, deadline);
    if (got.ok())
      c.reader.pending.append(got.bytes);
    else if (!got.woken())
      co_return body_status::gone;
  }
}

/// Answers that say no are seen in the log, by an id that they carry.
std::string log_error(client_end& c, const admin::request& req, const admin::reply& what) {
  auto id = c.shard.new_request_id();
  constexpr size_t longest_method = 64;
  constexpr size_t longest_cause = 300;
  const auto& words = what.cause.empty() ? what.body : what.cause;
  auto cause = words.substr(0, std::min(words.find('\n'), longest_cause));
  c.shard.log().info("msg=admin_fault status={} method={} cause={} client={} request_id={}",
                     what.status, req.method.empty() ? "-" : req.method.substr(0, longest_method),
                     quoted_text(cause), c.from.str(), id);
  return id;
}

/// Sends a reply. @returns `then`, unless the client does not take it.
task<next> send_reply(client_end& c, const admin::request& req, const admin::reply& what,
                      next then) {
  answer_options options;
  options.head_only = req.method == "HEAD";
  options.close = then != next::request;
  std::string id;
  if (what.status >= 400)
    options.request_id = id = log_error(c, req, what);
  std::string out;
  append_response(out, what.status, what.content_type, what.body, what.fields, options);
  auto sent = co_await send_to_client(c, out);
  if (sent == sending::done)
    co_return then;
  co_return sent == sending::too_slow ? next::reset : next::close;
}

/// The answer to a request that no endpoint serves, or nothing.
std::optional<admin::reply> refuse_access(const client_end& c, const admin::request& req) {
  switch (admin::check_access(req, c.from.unix_socket, c.shard.config().admin_token)) {
    case admin::access::foreign_host: return admin::error_reply(403, "host not allowed");
    case admin::access::foreign_origin: return admin::error_reply(403, "origin not allowed");
    case admin::access::no_token: {
      auto out = admin::error_reply(401, "bearer token required");
      out.fields = "www-authenticate: Bearer realm=\"codex-network-proxy\"\r\n";
      return out;
    }
    case admin::access::granted: break;
  }
  return std::nullopt;
}

/// The endpoint of a request, or what is wrong with it.
std::variant<const admin::route*, admin::reply> find_endpoint(const client_end& c,
                                                              const admin::request& req) {
  if (auto refusal = refuse_access(c, req))
    return std::move(*refusal);
  for (auto& route : admin::routes()) {
    if (!route.is_at(req.path))
      continue;
    if (route.takes(req.method))
      return &route;
    auto out = admin::error_reply(405, "method not allowed");
    out.fields = route.post ? "allow: POST\r\n" : "allow: GET, HEAD\r\n";
    return out;
  }
  return admin::error_reply(404, "not found");
}

/// Serves one request.
task<next> serve(admin_session& c, const admin::request& req) {
  auto found = find_endpoint(c, req);
  if (auto* refusal = std::get_if<admin::reply>(&found)) {
    // A body that nobody reads would be taken for the next request.
    auto then = req.body != http1::framing::none ? next::close_in_steps
                : req.keep_alive && !c.draining  ? next::request
                                                 : next::close;
    co_return co_await send_reply(c, req, *refusal, then);
  }
  std::string body;
  auto status = co_await read_body(c, req, body);
  if (status == body_status::gone)
    co_return next::close;
  if (status == body_status::too_slow)
    co_return next::reset;
  if (status != body_status::complete) {
    auto large = status == body_status::too_large;
    auto refusal = admin::error_reply(large ? 413 : 400, large ? "body too large" : "invalid body");
    co_return co_await send_reply(c, req, refusal, next::close_in_steps);
  }
  auto answer = co_await std::get<const admin::route*>(found)->serve(c, req, body);
  if (answer.body.size() > large_reply && c.shard.loop.memory().is_full())
    answer = admin::error_reply(503, "too little memory for this answer");
  auto then = req.keep_alive && !c.draining ? next::request : next::close;
  co_return co_await send_reply(c, req, answer, then);
}

/// Answers a head that could not be read; the connection ends after it.
task<next> serve_fault(client_end& c, const caf::error& why) {
  auto look = outcome_of(code_of(why));
  if (look.http_status == 0)
    co_return next::close;
  admin::request unread;
  auto answer = admin::error_reply(look.http_status, context_of(why));
  co_return co_await send_reply(c, unread, answer, next::close_in_steps);
}

/// Serves what was read as a head, or failed to be one.
task<next> serve_head(admin_session& c, received_head& head, bool first) {
  if (head.status != head_status::complete)
    co_return co_await serve_fault(c, head.error);
  // Nothing is relayed to it, whatever way it found.
  if (auto looped = check_loop(c, nullptr, first))
    co_return co_await serve_fault(c, looped);
  const auto& limits = c.shard.config().limits;
  http1::head_limits bounds{limits.max_head_bytes, limits.max_header_fields};
  auto req = admin::read_request(head.text, bounds, c.shard.request);
  if (!req)
    co_return co_await serve_fault(c, req.error());
  co_return co_await serve(c, *req);
}

task<closing> serve_all(admin_session& c) {
  auto then = next::request;
  auto in_a_row = 0;
  for (auto first = true; then == next::request; first = false) {
    if (is_to_give_way(c, in_a_row)) {
      in_a_row = 0;
      co_await c.wakes.next_turn();
    }
    received_head head;
    awaited_head what{.first = first, .stays = first};
    co_await read_head(c, what, head);
    if (head.status != head_status::complete && head.status != head_status::failed)
      co_return closing::orderly;
    then = co_await serve_head(c, head, first);
  }
  if (then == next::close_in_steps)
    co_await close_in_steps(c);
  co_return then == next::reset ? closing::reset : closing::orderly;
}

} // namespace

task<closing> admin_flow(admin_session& c) {
  auto how = co_await serve_all(c);
  if (how == closing::orderly)
    co_await write_out(c);
  co_return how;
}

} // namespace proxy
