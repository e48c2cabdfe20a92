#include "protocols/http1/message.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"

namespace proxy::http1 {

std::optional<std::string_view> head::find(std::string_view name) const noexcept {
  auto at = std::ranges::find_if(
    fields, [&](const field& f) { return ascii::equals_ignoring_case(f.name, name); });
  return at == fields.end() ? std::nullopt : std::optional{at->value};
}

} // namespace proxy::http1
