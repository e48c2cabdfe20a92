#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/loop/system/clock.hpp"
#include "actors/observe/span.hpp"
#include "policy/rules.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy {

class client_session;
class shard_core;

/// The spans of one request, or of one tunnel, while it is under way: that of serving it, and that
/// of what is sent upstream for it. Made only where traces are wanted; where it goes, the spans are
/// over and are published. Whoever asks for no trace is the root of one of its own; whoever does
/// not record its own trace (`sampled`) has none of its requests recorded here either.
class request_spans {
public:
  /// Serving begins. @param c  Outlives it.
  explicit request_spans(client_session& c);
  request_spans(const request_spans&) = delete;
  request_spans& operator=(const request_spans&) = delete;
  /// All ends, at this moment.
  ~request_spans();

  /// Takes over what a request says of itself: method and version. Again when it is judged anew.
  void describe(const http1::request& req);
  /// It is asked over SOCKS5, in no head.
  void describe_socks();
  /// The trace that it is a part of; without one it begins one, which its events name as well.
  /// @returns false when that is not recorded: nor is this.
  [[nodiscard]] bool join(const trace_context* parent);
  /// Whom it is for.
  void lead_to(const policy::target& to);
  /// Has the traceparent of what is sent upstream name us, so that what follows hangs below us;
  /// unless a hook takes that field off or sets it. What others noted of a trace (`tracestate`) is
  /// of no use to one that begins here, and is taken off (W3C Trace Context §3.4).
  /// @param set  Where `options.set` is kept. All are valid until the next call.
  void send_on(http1::rewrite_options& options, std::vector<http1::field>& set);

  /// From now on something is done upstream for it.
  void begin_upstream();
  /// What serves it speaks HTTP/2, or HTTP/1.1.
  void reach(bool http2);
  /// Upstream's part is over, with its answer's status, or 0 for none.
  /// @param fault  Why it has come to no good end; "" when it has.
  void end_upstream(uint16_t status, std::string_view fault);

  /// What the client is answered, last word first. @param fault  As above; of a few.
  void answer(uint16_t status, std::string_view fault = {});
  /// What was answered already, and began to be used, ends for this reason.
  void cut(std::string_view why);

private:
  [[nodiscard]] wall_time wall_of(steady_time at) const;
  void publish_server();
  void publish_client();

  client_session& c_;
  const steady_time began_;
  const wall_time began_wall_;
  span server_;
  std::optional<span> client_; ///< Once it has begun.
  steady_time client_ended_{}; ///< Unset while it goes on.
  span_id sent_id_{};          ///< Of the span of what is sent upstream.
  std::string sent_on_;
  std::vector<std::string> strip_; ///< Names of fields, for `send_on`.
  bool answered_ = false;          ///< The client, with whatever.
};

} // namespace proxy
