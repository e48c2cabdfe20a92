#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/loop/simulation/made_up_time.hpp"

namespace proxy::simulate {

/// The value of a field of a head, however its name is written; "" for none.
[[nodiscard]] std::string field_of(const std::string& head, std::string_view name);

/// What tells where the body of a message ends (RFC 9112 §6).
enum class framing : uint8_t { length, chunks, end_of_connection };

/// How a message says so. @param length  Of its body.
[[nodiscard]] std::string field_for(framing how, uint64_t length);

/// Puts a body into chunks of many sizes, the last one and trailers behind them.
[[nodiscard]] std::string in_chunks(std::string_view body, simulation::made_up_chance& chance);

/// Takes a body off a stream, as it comes. It knows nothing of how the product reads one.
class body_reader {
public:
  body_reader() = default;
  body_reader(framing how, uint64_t length)
    : how_(how), left_(how == framing::length ? length : 0) {}

  /// Takes what is there of it from the front of `text`. @returns its bytes.
  /// @throws violation  No chunks.
  [[nodiscard]] std::string take(std::string& text);
  /// Its last byte has been taken. Where the connection ends it, that cannot be known.
  [[nodiscard]] bool is_over() const noexcept {
    return how_ == framing::length ? left_ == 0 : how_ == framing::chunks && stands_ == at::end;
  }
  [[nodiscard]] bool ends_with_connection() const noexcept {
    return how_ == framing::end_of_connection;
  }

private:
  enum class at : uint8_t { size, data, behind_data, trailers, end };

  /// Takes a line; false when it is not whole.
  [[nodiscard]] static bool take_line(std::string& text, std::string& line);
  [[nodiscard]] bool take_framing(std::string& text);

  framing how_ = framing::length;
  uint64_t left_ = 0; ///< Of the body, or of this chunk.
  at stands_ = at::size;
};

} // namespace proxy::simulate
