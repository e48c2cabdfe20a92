#include "protocols/error.hpp"

#include <caf/atom.hpp>
#include <caf/message.hpp>

namespace proxy {

static_assert(is_complete<errc>(), "a code has no row in `outcomes`");

const outcome& outcome_of(errc code) noexcept {
  auto index = enum_index(code);
  return outcomes[index < enum_size<errc> ? index : enum_index(errc::system)];
}

std::string to_string(errc code) {
  auto index = enum_index(code);
  return std::string{index < enum_size<errc> ? outcomes[index].name : "unknown"};
}

errc code_of(const caf::error& err) noexcept {
  return err && err.category() == caf::atom("proxy") ? static_cast<errc>(err.code()) : errc::system;
}

std::string context_of(const caf::error& err) {
  if (!err) // success holds nothing to ask
    return {};
  const auto& context = err.context();
  return context.match_elements<std::string>() ? context.get_as<std::string>(0) : std::string{};
}

} // namespace proxy
