#include "actors/serve/client/request_spans.hpp"

#include <algorithm>

#include "actors/serve/client/client_session.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy {

namespace {

/// Of the flags, those that mean something: sampled, and that the id was drawn at random (W3C Trace
/// Context Level 2). Others are not passed on.
constexpr uint8_t known_flags = 0x03;

std::string_view scheme_of(const policy::target& to) noexcept {
  switch (to.protocol) {
    case policy::protocol::http: return "http";
    case policy::protocol::https: return "https";
    default: return {};
  }
}

/// Whether a connection that ended so has cut short what went over it.
bool cuts_short(ending how) noexcept {
  return how == ending::upstream_gone || how == ending::policy_changed || how == ending::aborted;
}

/// An error without a name of its own is named by its status.
void name_error(span& of) {
  if (of.failed && of.error_type.empty() && of.status > 0)
    of.error_type = std::to_string(of.status);
}

} // namespace

request_spans::request_spans(client_session& c)
  : c_(c), began_(c.shard.loop.on().clock.now()), began_wall_(c.shard.loop.wall()) {
  auto& chance = c.shard.loop.on().entropy;
  server_.context.span = c.shard.ids.next_span(chance);
  sent_id_ = c.shard.ids.next_span(chance);
  server_.what = span::kind::server;
  server_.client = c.from;
  server_.method = known_method({}); // of a head that cannot be read nothing else is known
  server_.protocol = "http";
  server_.version = c.client.stream() ? "2" : "1.1";
}

request_spans::~request_spans() {
  if (server_.context.trace == trace_id{})
    (void)join(nullptr);
  if (!server_.context.is_sampled())
    return;
  auto leaves = !answered_ && (c_.end == ending::client_gone || c_.end == ending::idle);
  if (server_.error_type.empty() && (leaves || cuts_short(c_.end))) {
    server_.error_type = to_string(c_.end);
    server_.failed = c_.end != ending::client_gone;
  }
  if (client_)
    publish_client();
  publish_server();
}

void request_spans::describe(const http1::request& req) {
  server_.method = known_method(req.method);
  server_.version = c_.client.stream() ? "2" : req.http_1_0 ? "1.0" : "1.1";
}

void request_spans::describe_socks() {
  server_.method = {};
  server_.protocol = "socks";
  server_.version = "5";
}

bool request_spans::join(const trace_context* parent) {
  auto& own = server_.context;
  if (parent) {
    own.trace = parent->trace;
    own.flags = parent->flags;
    server_.parent = parent->span;
  } else if (own.trace == trace_id{}) {
    own.trace = c_.shard.ids.next_trace(c_.shard.loop.on().entropy);
    own.flags = trace_context::sampled_flag;
    c_.trace = std::make_unique<const trace_context>(own);
  }
  return own.is_sampled();
}

void request_spans::lead_to(const policy::target& to) {
  server_.host = to.host.text();
  server_.port = to.port;
  server_.scheme = scheme_of(to);
}

void request_spans::send_on(http1::rewrite_options& options, std::vector<http1::field>& set) {
  static constexpr std::string_view name = "traceparent";
  auto same = [](std::string_view other) { return http1::same_variable(other, name); };
  if (std::ranges::any_of(options.strip, same) ||
      std::ranges::any_of(options.set, same, &http1::field::name))
    return;
  const auto& own = server_.context;
  auto flags = static_cast<uint8_t>(own.flags & known_flags);
  sent_on_ = traceparent({own.trace, sent_id_, flags});
  if (options.set.empty())
    set.clear();
  set.push_back({name, sent_on_});
  options.set = set;
  if (server_.parent != span_id{})
    return;
  strip_.assign(options.strip.begin(), options.strip.end());
  strip_.emplace_back("tracestate");
  options.strip = strip_;
}

void request_spans::begin_upstream() {
  auto& to = client_.emplace(server_);
  to.what = span::kind::client;
  to.context.span = sent_id_;
  to.parent = server_.context.span;
  to.version = "1.1";
  to.client.reset();
  to.begin = wall_of(c_.shard.loop.on().clock.now());
}

void request_spans::reach(bool http2) {
  if (client_)
    client_->version = http2 ? "2" : "1.1";
}

void request_spans::end_upstream(uint16_t status, std::string_view fault) {
  if (!client_)
    return;
  client_ended_ = c_.shard.loop.on().clock.now();
  client_->status = status;
  client_->error_type = fault;
  client_->failed = status >= 400 || !fault.empty();
}

void request_spans::answer(uint16_t status, std::string_view fault) {
  answered_ = true;
  server_.status = status;
  server_.error_type = fault;
  server_.failed = status >= 500 || (!fault.empty() && status < 400);
}

void request_spans::cut(std::string_view why) {
  server_.error_type = why;
  server_.failed = true;
}

wall_time request_spans::wall_of(steady_time at) const {
  // By the clock that nobody sets: no span ends before it began.
  return began_wall_ + std::chrono::duration_cast<wall_time::duration>(at - began_);
}

void request_spans::publish_client() {
  if (client_ended_ == steady_time{}) { // whoever was to answer was never reached, or cut off
    client_ended_ = c_.shard.loop.on().clock.now();
    client_->error_type = server_.error_type;
    client_->failed = !server_.error_type.empty();
  }
  client_->end = wall_of(client_ended_);
  name_error(*client_);
  c_.shard.tell(std::make_shared<const span>(std::move(*client_)));
}

void request_spans::publish_server() {
  server_.begin = began_wall_;
  server_.end = wall_of(c_.shard.loop.on().clock.now());
  name_error(server_);
  c_.shard.tell(std::make_shared<const span>(std::move(server_)));
}

} // namespace proxy
