#include "actors/observe/otlp/export/signal_sender.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "actors/observe/otlp/collector/gzip.hpp"
#include "actors/observe/otlp/collector/partial_success.hpp"
#include "actors/observe/otlp/collector/url_origin.hpp"
#include "protocols/error.hpp"

namespace proxy {

collector_client* lazy_client::get() {
  if (std::exchange(tried_, true))
    return client_.get();
  if (auto made = collector_client::make())
    client_ = std::move(*made);
  else
    log_->error("msg=telemetry_unavailable error={}", quoted_text(context_of(made.error())));
  return client_.get();
}

signal_sender::signal_sender(telemetry_signal which, sender_parts parts)
  : which_(which), parts_(std::move(parts)), rules_(parts_.on.entropy) {}

void signal_sender::apply(const config::otel& settings, steady_time now) {
  const auto& next = settings_of(settings, which_);
  on_ = !next.url.empty();
  if (on_ && next != to_)
    turn_to(next, now);
  settings_changed(settings, now);
}

template <class Step>
void signal_sender::guarded(Step step) {
  try {
    step();
  } catch (const std::exception& e) { // no memory, or a fault of ours
    parts_.log->error("msg=telemetry_failed signal={} error={}", to_string(which_),
                      quoted_text(e.what()));
    give_up(otlp_loss::unsent);
  }
}

void signal_sender::turn_to(const config::otlp_signal& next, steady_time now) {
  guarded([&] { take_what_came(now); }); // the last word of the one before
  if (state_ == state::under_way)
    if (auto* client = parts_.client->made())
      client->cancel(which_);
  to_ = next;
  rules_.forget_pause();
  failing_ = told_rejected_ = has_answered_ = false;
  told_.clear();
  doubted(false);
  body_.clear(); // it may be of another encoding
  if (state_ == state::idle)
    return;
  state_ = state::paused; // until the next step
  rules_.begin(now);
}

void signal_sender::step(steady_time now) {
  guarded([&] { go_on(now); });
}

void signal_sender::take_what_came(steady_time now) {
  if (state_ != state::under_way)
    return;
  auto* client = parts_.client->made();
  if (auto answer = client ? client->take(which_) : std::nullopt)
    take_answer(*answer, now);
}

void signal_sender::go_on(steady_time now) {
  take_what_came(now);
  if (state_ == state::paused && rules_.not_before() <= now)
    send(now);
  else if (state_ == state::idle && next() <= now)
    begin(now);
}

steady_time signal_sender::next() const {
  switch (state_) {
    case state::paused: return rules_.not_before();
    case state::under_way: return steady_time::max();
    default:
      if (ending_)
        return has_more() ? steady_time::min() : steady_time::max();
      // A collector that just failed is left alone with the next batch, too.
      if (auto at = due())
        return std::max(*at, rules_.not_before());
      return steady_time::max();
  }
}

int64_t signal_sender::missing() const {
  // What is full already waits for something else.
  auto items = on_ && state_ == state::idle ? missing_items() : 0;
  return items > 0 ? items : outlet::never;
}

void signal_sender::begin(steady_time now) {
  items_ = begin_batch(now);
  if (items_ == 0)
    return;
  body_.clear();
  rules_.begin(now);
  send(now);
}

/// Makes the body; of one that is tried again it is there.
void signal_sender::prepare() {
  if (!body_.empty())
    return;
  body_ = encode();
  is_gzip_ = false;
  if (!to_.gzip)
    return;
  if (auto packed = gzip(body_); !packed.empty()) {
    body_ = std::move(packed);
    is_gzip_ = true;
  }
}

void signal_sender::send(steady_time now) {
  auto* client = parts_.client->get();
  if (!client)
    return give_up(otlp_loss::unreachable); // said once
  prepare();
  state_ = state::under_way;
  if (auto why = client->begin(which_, to_, {body_, is_gzip_}))
    take_answer({{}, {}, context_of(why)}, now);
}

void signal_sender::judge_existence(const collector_answer& answer) {
  if (has_answered_)
    return;
  has_answered_ = answer.what.status != 0;
  doubted(!has_answered_);
}

void signal_sender::take_answer(const collector_answer& answer, steady_time now) {
  judge_existence(answer);
  auto then = rules_.answered(answer.what, items_, now);
  if (then == next_step::again && ending_ && answer.what.status == 0)
    then = next_step::too_late; // nobody is there, and whoever ends the proxy waits for this
  if (then != next_step::settled && then != next_step::halve)
    tell_failure(answer, then);
  switch (then) {
    case next_step::settled: return settle(answer);
    case next_step::halve:
      items_ = halve();
      body_.clear();
      return send(now);
    case next_step::again: state_ = state::paused; return;
    case next_step::give_up: return give_up(otlp_loss::refused);
    case next_step::too_late:
      give_up(otlp_loss::unreachable);
      if (ending_)
        drop_rest(); // the collector does not answer: nor would it the next one
      return;
  }
}

void signal_sender::settle(const collector_answer& answer) {
  auto said = decode_partial_success(answer.body, to_.encoding);
  auto rejected = std::min<uint64_t>(said.rejected, items_);
  if (rejected > 0 && !std::exchange(told_rejected_, true))
    parts_.log->warn("msg=telemetry_rejected signal={} to={} count={} detail={}", to_string(which_),
                     origin_of(to_.url), rejected, quoted_text(said.words));
  told_.clear();
  if (std::exchange(failing_, false))
    parts_.log->info("msg=telemetry_resumed signal={} to={} lost={}", to_string(which_),
                     origin_of(to_.url), parts_.from->lost());
  state_ = state::idle;
  delivered(rejected);
}

void signal_sender::give_up(otlp_loss why) {
  state_ = state::idle;
  lost(why);
}

/// Each kind of failure once, until something is delivered.
void signal_sender::tell_failure(const collector_answer& answer, next_step then) {
  failing_ = true;
  if (!told_.insert(answer.what.status).second)
    return;
  std::string why = answer.error;
  if (why.empty())
    why = then == next_step::again ? "it will be asked again"
                                   : "it does not take what is sent, which is lost";
  parts_.log->warn("msg=telemetry_failing signal={} to={} status={} error={}", to_string(which_),
                   origin_of(to_.url), answer.what.status, quoted_text(why));
}

void signal_sender::begin_end(steady_time now, steady_time limit) {
  if (std::exchange(ending_, true))
    return;
  rules_.end_by(failing_ ? now : limit);
  if (state_ == state::paused)
    rules_.forget_pause();
}

void signal_sender::call_off_end() noexcept {
  ending_ = false;
  rules_.end_by(steady_time::max());
}

void signal_sender::abandon() {
  if (state_ != state::idle)
    give_up(otlp_loss::unsent);
  drop_rest();
}

} // namespace proxy
