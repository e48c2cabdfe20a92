#pragma once

#include <string_view>

namespace proxy {

/// The product's version, as CMakeLists.txt has it.
extern const std::string_view version;

} // namespace proxy
