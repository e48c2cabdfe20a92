#include "actors/observe/span.hpp"

#include <algorithm>
#include <array>

namespace proxy {

std::string_view known_method(std::string_view method) noexcept {
  using namespace std::string_view_literals;
  static constexpr std::array known{"GET"sv,     "HEAD"sv,    "POST"sv,  "PUT"sv,  "DELETE"sv,
                                    "CONNECT"sv, "OPTIONS"sv, "TRACE"sv, "PATCH"sv};
  const auto* found = std::ranges::find(known, method);
  return found == known.end() ? "_OTHER"sv : *found;
}

} // namespace proxy
