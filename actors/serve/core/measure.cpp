#include "actors/serve/core/measure.hpp"

#include "actors/serve/core/shard_core.hpp"

namespace proxy {

namespace {

look_up_result result_of(const caf::expected<dns_answer>& answer) {
  if (answer)
    return answer->cached ? look_up_result::cached : look_up_result::ok;
  // Nobody answered in time: the resolver itself.
  auto code = code_of(answer.error());
  return code == errc::cancelled ? look_up_result::timeout : look_up_result_of(code);
}

} // namespace

void count_look_up(shard_core& shard, steady_time began, const caf::expected<dns_answer>& answer) {
  shard.counters.dns_time[result_of(answer)].observe(shard.loop.now() - began);
}

void measure_look_up(shard_core& shard, steady_time began,
                     const caf::expected<dns_answer>& answer) {
  count_look_up(shard, began, answer);
  shard.counters.request_time[phase::dns].observe(shard.loop.now() - began);
}

void measure_connect(shard_core& shard, steady_time began, const caf::error& failed) {
  auto result = failed ? connect_result_of(code_of(failed)) : connect_result::ok;
  auto took = shard.loop.now() - began;
  shard.counters.connect_time[result].observe(took);
  shard.counters.request_time[phase::connect].observe(took);
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
