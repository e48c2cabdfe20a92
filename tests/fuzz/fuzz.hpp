#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

/// Runs a target on one input. Each target defines it; libFuzzer calls it, or replay.cpp.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace proxy::fuzz {

/// Ends the process when a property does not hold. Unlike `assert` in every kind of build.
inline void require(bool holds, const char* property) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

inline std::string_view view(const uint8_t* data, size_t size) noexcept {
  return {reinterpret_cast<const char*>(data), size};
}

/// A copy that ends where its memory does: sanitizers see a read behind it.
class exact_copy {
public:
  explicit exact_copy(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }

private:
  std::vector<char> bytes_;
};

/// Takes the text up to the next line feed off `rest`.
inline std::string_view take_line(std::string_view& rest) noexcept {
  auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
  return line;
}

} // namespace proxy::fuzz
