#pragma once

#include <stdexcept>
#include <string>

namespace proxy::simulate {

/// Something that must never be.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void demand(bool holds, const std::string& what) {
  if (!holds)
    throw violation{what};
}

} // namespace proxy::simulate
