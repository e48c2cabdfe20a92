#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "actors/loop/mix.hpp"
#include "actors/loop/system/entropy.hpp"
#include "protocols/trace_context.hpp"

namespace proxy {

/// Makes the ids of traces and spans of one core. Chance is asked once, when the first is wanted: a
/// proxy that records none asks for nothing.
class span_ids {
public:
  [[nodiscard]] trace_id next_trace(entropy& chance) {
    trace_id out;
    write(next(chance, 0), std::span{out}.first<8>());
    write(next(chance, 1), std::span{out}.last<8>());
    return out;
  }
  [[nodiscard]] span_id next_span(entropy& chance) {
    span_id out;
    write(next(chance, 2), out);
    return out;
  }

private:
  /// Numbers that neither repeat nor tell how many there were; none is zero, which is no id.
  [[nodiscard]] uint64_t next(entropy& chance, size_t which) {
    if (!seeds_)
      seeds_ = {chance.number(), chance.number(), chance.number()};
    auto out = mix((*seeds_)[which]++);
    return out != 0 ? out : mix((*seeds_)[which]++);
  }
  static void write(uint64_t number, std::span<uint8_t, 8> out) noexcept {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<uint8_t>(number >> (8 * (out.size() - 1 - i)));
  }

  std::optional<std::array<uint64_t, 3>> seeds_;
};

} // namespace proxy
