#pragma once

#include <nghttp2/nghttp2.h>

#include <vector>

#include "protocols/http2/head.hpp"

namespace proxy::http2 {

/// Fields as the library takes them; they point into `fields`.
[[nodiscard]] inline std::vector<nghttp2_nv> to_library(const std::vector<field>& fields) {
  std::vector<nghttp2_nv> out;
  out.reserve(fields.size());
  for (const auto& f : fields) {
    auto bytes = [](const std::string& text) {
      return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
    };
    auto secret = f.name == "authorization" || f.name == "cookie" || f.name == "set-cookie";
    out.push_back({bytes(f.name), bytes(f.value), f.name.size(), f.value.size(),
                   static_cast<uint8_t>(secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
  }
  return out;
}

} // namespace proxy::http2
