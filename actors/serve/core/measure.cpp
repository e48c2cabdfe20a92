#include "actors/serve/core/measure.hpp"

#include "actors/serve/core/shard_core.hpp"

namespace proxy {

namespace {

look_up_result result_of(const caf::expected<dns_answer>& answer, bool is_needed) {
  if (answer)
    return answer->cached ? look_up_result::cached : look_up_result::ok;
  if (!is_needed)
    return look_up_result::ignored;
  // Nobody answered in time: the resolver itself.
  auto code = code_of(answer.error());
  return code == errc::cancelled ? look_up_result::timeout : look_up_result_of(code);
}

} // namespace

measured_phase::measured_phase(shard_core& shard, phase which) noexcept
  : shard_(shard), began_(shard.loop.now()), which_(which) {}

measured_phase::~measured_phase() {
  shard_.counters.request_time[which_].observe(shard_.loop.now() - began_);
}

void count_look_up(shard_core& shard, steady_time began, const caf::expected<dns_answer>& answer,
                   bool is_needed) {
  shard.counters.dns_time[result_of(answer, is_needed)].observe(shard.loop.now() - began);
}

measured_connect::measured_connect(shard_core& shard) noexcept
  : shard_(shard), phase_(shard, phase::connect), began_(shard.loop.now()) {}

measured_connect::~measured_connect() {
  shard_.counters.connect_time[result_].observe(shard_.loop.now() - began_);
}

void measured_connect::ended(const caf::error& failed) noexcept {
  result_ = failed ? connect_result_of(code_of(failed)) : connect_result::ok;
}

measured_handshake::measured_handshake(shard_core& shard, tls_side with) noexcept
  : shard_(shard), began_(shard.loop.now()), with_(with) {}

measured_handshake::~measured_handshake() {
  auto took = shard_.loop.now() - began_;
  auto& counters = shard_.counters;
  counters.handshake_time[with_][result_].observe(took);
  if (with_ == tls_side::upstream)
    counters.request_time[phase::tls].observe(took);
}

} // namespace proxy
