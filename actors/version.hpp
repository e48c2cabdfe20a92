#pragma once

#include <string_view>

namespace proxy {

/// The product's version, as CMakeLists.txt has it.
inline constexpr std::string_view version = PROXY_VERSION;

} // namespace proxy
