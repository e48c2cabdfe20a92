#pragma once

#include <functional>
#include <string>
#include <utility>

#include "actors/observe/otlp/export/outbox.hpp"
#include "actors/observe/otlp/export/signal_sender.hpp"

namespace proxy {

/// Sends items that come one by one: events as logs, or spans as traces.
template <class Item>
class batch_sender final : public signal_sender {
public:
  using encoder = std::function<std::string(std::span<const Item>)>;

  /// @param kind  Of its items, to the outlet.
  batch_sender(telemetry_signal which, sender_parts parts, outlet_kind kind)
    : signal_sender(which, std::move(parts)), kind_(kind) {}

  void encode_by(encoder by) { encode_ = std::move(by); }
  void add(Item one, uint64_t bytes, steady_time now) { box_.add(std::move(one), bytes, now); }

private:
  void settings_changed(const config::otel& settings, steady_time) override {
    box_.apply({settings.batch_size, settings.delay});
  }
  std::optional<steady_time> due() const override { return box_.due(); }
  bool has_more() const override { return !box_.empty(); }
  size_t begin_batch(steady_time) override { return box_.begin().size(); }
  std::string encode() override { return encode_(box_.batch()); }
  size_t halve() override { return box_.halve().size(); }
  int64_t missing_items() const override { return static_cast<int64_t>(box_.missing()); }

  void delivered(uint64_t rejected) override {
    box_.taken();
    auto count = finish();
    parts_.from->delivered += count - rejected;
    if (rejected > 0)
      parts_.from->lost(otlp_loss::rejected, rejected);
  }
  void lost(otlp_loss why) override { parts_.from->lost(why, finish()); }
  void doubted(bool on) override { parts_.from->doubt(kind_, on); }
  void drop_rest() override {
    while (!box_.empty()) {
      (void)box_.begin();
      lost(otlp_loss::unsent);
    }
  }

  uint64_t finish() {
    auto sizes = box_.done();
    for (auto bytes : sizes)
      parts_.from->left(kind_, bytes);
    return sizes.size();
  }

  outbox<Item> box_{batch_limits{}};
  encoder encode_;
  const outlet_kind kind_;
};

} // namespace proxy
