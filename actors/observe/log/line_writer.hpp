#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace proxy {

/// Writes lines to a descriptor that may be slow (a pipe nobody reads, a terminal that is held),
/// and drops lines rather than waiting for long. What arrives is whole lines: one that was cut is
/// finished first.
class line_writer {
public:
  /// How long one write waits for room. After it ran out, later ones do not wait until there is
  /// room again.
  static constexpr std::chrono::milliseconds patience{1000};

  line_writer() = default;
  /// Does not own the descriptor.
  explicit line_writer(int descriptor) noexcept : fd_(descriptor) {}

  /// Writes whole lines, each with its '\n'; as one write(2) where the descriptor takes them at
  /// once.
  /// @returns how many lines were lost; see `error` for why.
  size_t write(std::string_view lines);

  /// errno of the last write that lost lines, 0 when the last write lost none.
  [[nodiscard]] int error() const noexcept { return error_; }

private:
  /// Writes a prefix of `bytes` and takes it off. @returns false when nothing more can be written
  /// now.
  bool write_some(std::string_view& bytes);
  bool wait_for_room();

  int fd_ = -1;
  int error_ = 0;
  bool stalled_ = false;
  std::string rest_; ///< Of a line that was cut.
};

} // namespace proxy
