#pragma once

#include "actors/loop/event_loop.hpp"
#include "actors/messages.hpp"
#include "actors/observe/counters/labels.hpp"

namespace proxy {

class shard_core;

// How long a step on the way to an upstream took, for the shard's counters. Times are those of the
// turns in which it began and ended: to be had without a look at the clock.

/// A phase of a request for as long as this lives: also where its flow is dropped meanwhile.
class measured_phase {
public:
  measured_phase(shard_core& shard, phase which) noexcept;
  measured_phase(const measured_phase&) = delete;
  measured_phase& operator=(const measured_phase&) = delete;
  ~measured_phase();

private:
  shard_core& shard_;
  steady_time began_;
  phase which_;
};

/// A look-up is over.
/// @param answer     Its addresses, or why there are none.
/// @param is_needed  Else it may fail: an upstream proxy finds the name by itself.
void count_look_up(shard_core& shard, steady_time began, const caf::expected<dns_answer>& answer,
                   bool is_needed = true);

/// Dialling the addresses of one name, for a request, for as long as this lives. Abandoned unless
/// somebody says how it ended.
class measured_connect {
public:
  explicit measured_connect(shard_core& shard) noexcept;
  measured_connect(const measured_connect&) = delete;
  measured_connect& operator=(const measured_connect&) = delete;
  ~measured_connect();

  /// @param failed  Why none took the connection; none for one that did.
  void ended(const caf::error& failed) noexcept;

private:
  shard_core& shard_;
  measured_phase phase_;
  steady_time began_;
  connect_result result_ = connect_result::abandoned;
};

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
