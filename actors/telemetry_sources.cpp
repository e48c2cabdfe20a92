#include "actors/telemetry_sources.hpp"

#include <caf/logger.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <utility>

#include "actors/loop/system/machine.hpp"
#include "actors/observe/otlp/encoding/encode.hpp"
#include "actors/serve/core/process_metrics.hpp"
#include "actors/version.hpp"

namespace proxy {

namespace {

/// How long all workers together may take to count.
constexpr std::chrono::seconds counting_patience{2};

/// With our version and the name of this proxy, unless the operator gave others.
otlp::attributes resource_of(const config::otel& settings, const std::string& instance) {
  auto out = settings.resource;
  auto add = [&](std::string_view name, std::string_view value) {
    if (std::ranges::none_of(out, [&](const auto& one) { return one.first == name; }))
      out.emplace_back(name, value);
  };
  add("service.version", version);
  add("service.instance.id", instance);
  return out;
}

using identity_ptr = std::shared_ptr<const otlp::identity>;

} // namespace

std::string random_uuid(entropy& chance) {
  static constexpr char hex[] = "0123456789abcdef";
  uint64_t halves[] = {(chance.number() & ~0xf000ull) | 0x4000,
                       (chance.number() & ~(0xcull << 60)) | 0x8ull << 60};
  std::string out;
  for (auto half : halves)
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (auto size = out.size(); size == 8 || size == 13 || size == 18 || size == 23)
        out += '-';
      out += hex[half >> shift & 15];
    }
  return out;
}

std::function<otlp_encoders(const config::otel&)> encoders_for(telemetry_origin origin) {
  return [origin = std::move(origin)](const config::otel& settings) {
    auto metadata = origin.metadata;
    metadata.insert(metadata.end(), settings.attributes.begin(), settings.attributes.end());
    metadata = usable_metadata(metadata);
    auto resource = resource_of(settings, origin.instance);
    auto identity = [&](const config::otlp_signal& to) -> identity_ptr {
      return std::make_shared<const otlp::identity>(resource, metadata, to.encoding);
    };
    otlp_encoders out;
    out.logs = [who = identity(settings.logs)](std::span<const decision_event_ptr> events) {
      return otlp::encode_logs(events, *who, this_machine().clock.wall());
    };
    out.metrics = [who = identity(settings.metrics),
                   started = origin.started](const metrics_snapshot& all) {
      return otlp::encode_metrics(all.families, *who, {started, all.at});
    };
    out.spans = [who = identity(settings.traces)](std::span<const span_ptr> spans) {
      return otlp::encode_spans(spans, *who);
    };
    return out;
  };
}

std::optional<metrics_snapshot> gathered(caf::actor_system& system,
                                         const std::vector<shard_actor>& workers,
                                         const policy_store_actor& store, process_state& process) {
  const auto& clock = this_machine().clock;
  auto deadline = clock.now() + counting_patience;
  caf::scoped_actor self{system};
  auto ask = [&]<class Answer>(const auto& whom, auto what, Answer& to) {
    auto answered = false;
    auto left =
      std::max<std::chrono::nanoseconds>(deadline - clock.now(), std::chrono::nanoseconds{1});
    self->request(whom, caf::timespan{left}, what)
      .receive(
        [&](Answer& came) {
          to = std::move(came);
          answered = true;
        },
        [](const caf::error&) {}); // it ends, or is busy: there will be a next time
    return answered;
  };
  snapshot_ptr in_force;
  if (!store || !ask(store, atom::current_v, in_force))
    return std::nullopt;
  auto sum = process_metrics(process, *in_force);
  for (const auto& worker : workers) {
    shard_counters one;
    auto asked = clock.now();
    if (!worker || !ask(worker, atom::count_v, one))
      return std::nullopt;
    add_worker(sum, one, clock.now() - asked);
  }
  return metrics_snapshot{metric_families(sum), clock.wall()};
}

} // namespace proxy
