#pragma once

#include <cstdint>

namespace proxy {

/// Chance, or what a test has in its place. May be asked on any thread.
class entropy {
public:
  virtual ~entropy() = default;
  /// A number that nobody can foresee.
  [[nodiscard]] virtual uint64_t number() = 0;
};

} // namespace proxy
