#pragma once

#include "actors/loop/event_loop.hpp"
#include "actors/messages.hpp"
#include "actors/observe/counters/labels.hpp"

namespace proxy {

class shard_core;

// How long a step on the way to an upstream took, for the shard's counters. Times are those of the
// turns in which it began and ended: to be had without a look at the clock.

/// A look-up is over.
/// @param answer  Its addresses, or why there are none.
void count_look_up(shard_core& shard, steady_time began, const caf::expected<dns_answer>& answer);
/// The same of one that a request waited for.
void measure_look_up(shard_core& shard, steady_time began, const caf::expected<dns_answer>& answer);

/// Dialling the addresses of one name is over, for a request.
/// @param failed  Why none took the connection; none for one that did.
void measure_connect(shard_core& shard, steady_time began, const caf::error& failed);

/// A TLS handshake for as long as this lives. It has failed unless somebody says otherwise: also
/// where its flow is dropped meanwhile.
class measured_handshake {
public:
  measured_handshake(shard_core& shard, tls_side with) noexcept;
  measured_handshake(const measured_handshake&) = delete;
  measured_handshake& operator=(const measured_handshake&) = delete;
  ~measured_handshake();

  void succeeded() noexcept { result_ = handshake_result::ok; }

private:
  shard_core& shard_;
  steady_time began_;
  tls_side with_;
  handshake_result result_ = handshake_result::error;
};

} // namespace proxy
