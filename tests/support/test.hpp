#pragma once

#include "tests/support/checks.hpp"

// caf/test/dsl.hpp needs FAIL, which only caf's own build defines.
#ifndef FAIL
#define FAIL CAF_FAIL
#endif
#include <caf/test/dsl.hpp>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy::test {

/// Whether a text has a part.
inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The code of a failed `caf::expected`.
template <class T>
errc error_of(const caf::expected<T>& result) {
  return result ? errc{} : code_of(result.error());
}

} // namespace proxy::test
