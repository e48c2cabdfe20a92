#include "actors/telemetry_sources.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include "actors/observe/otlp/encoding/encode.hpp"
#include "actors/serve/core/process_metrics.hpp"
#include "actors/version.hpp"

namespace proxy {

namespace {

/// How long all workers together have to count: the end of a proxy waits for it.
constexpr std::chrono::seconds count_patience{2};

otlp::attributes resource_of(const config::otel& settings, const std::string& instance) {
  auto out = settings.resource;
  auto add = [&](std::string_view name, std::string_view value) {
    if (std::ranges::none_of(out, [&](const auto& one) { return one.first == name; }))
      out.emplace_back(name, value);
  };
  add("service.name", "codex_network_proxy");
  add("service.version", version);
  add("service.instance.id", instance);
  return out;
}

void append_hex(std::string& out, uint64_t bits, unsigned digits) {
  while (digits-- > 0)
    out += "0123456789abcdef"[bits >> (4 * digits) & 15];
}

} // namespace

std::string random_uuid(entropy& chance) {
  auto high = (chance.number() & ~uint64_t{0xF000}) | 0x4000;                // version 4
  auto low = (chance.number() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62); // its variant
  std::string out;
  append_hex(out, high >> 32, 8);
  append_hex(out += '-', high >> 16 & 0xFFFF, 4);
  append_hex(out += '-', high & 0xFFFF, 4);
  append_hex(out += '-', low >> 48, 4);
  append_hex(out += '-', low & 0xFFFF'FFFF'FFFF, 12);
  return out;
}

otlp_encoders encoders_of(const telemetry_sender& from, const config::otel& settings,
                          const clock& on) {
  auto resource = resource_of(settings, from.instance);
  auto metadata = from.metadata;
  metadata.insert(metadata.end(), settings.attributes.begin(), settings.attributes.end());
  auto sender = [&](const config::otlp_signal& of, otlp::attributes more) {
    return std::make_shared<const otlp::identity>(resource, std::move(more), of.encoding);
  };
  otlp_encoders out;
  out.logs = [as = sender(settings.logs, usable_metadata(metadata)),
              &on](std::span<const decision_event_ptr> events) {
    return otlp::encode_logs(events, *as, on.wall());
  };
  out.metrics = [as = sender(settings.metrics, {}),
                 since = from.since](const metrics_snapshot& all) {
    return otlp::encode_metrics(all.families, *as, {since, all.at});
  };
  out.spans = [as = sender(settings.traces, {})](std::span<const span_ptr> spans) {
    return otlp::encode_spans(spans, *as);
  };
  return out;
}

std::optional<metrics_snapshot> gathered(caf::actor_system& system,
                                         const std::vector<shard_actor>& workers,
                                         const policy_store_actor& store, process_state& process,
                                         const clock& on) {
  if (!store)
    return std::nullopt; // the proxy has not begun, or ends
  caf::scoped_actor self{system};
  std::optional<metrics> all;
  auto failed = [&](const caf::error&) { all.reset(); };
  auto deadline = on.now() + count_patience;
  auto left = [&] {
    return caf::timespan{
      std::max<std::chrono::nanoseconds>(deadline - on.now(), std::chrono::nanoseconds{1})};
  };
  self->request(store, left(), atom::current_v)
    .receive([&](const snapshot_ptr& now) { all = process_metrics(process, *now); }, failed);
  for (const auto& worker : workers) {
    if (!all)
      return std::nullopt;
    auto asked = on.now();
    self->request(worker, left(), atom::count_v)
      .receive([&](const shard_counters& one) { add_worker(*all, one, on.now() - asked); }, failed);
  }
  if (!all)
    return std::nullopt;
  return metrics_snapshot{metric_families(*all), on.wall()};
}

} // namespace proxy
