#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// HTTP/2 for scripts: frames as bytes.

namespace proxy::test {

using h2_fields = std::vector<std::pair<std::string, std::string>>;
using h2_settings = std::vector<std::pair<uint16_t, uint32_t>>;

namespace h2 {

/// A library that scripts use may not fail.
inline void must(bool holds) {
  if (!holds)
    throw std::logic_error{"a script broke HTTP/2"};
}

inline constexpr uint8_t end_stream = NGHTTP2_FLAG_END_STREAM;
inline constexpr uint8_t end_headers = NGHTTP2_FLAG_END_HEADERS;
inline constexpr uint8_t ack = NGHTTP2_FLAG_ACK;
inline constexpr uint8_t padded = NGHTTP2_FLAG_PADDED;
inline constexpr uint8_t whole = end_stream | end_headers;
inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A number of so many bytes, the highest first.
inline std::string number(uint64_t value, int bytes = 4) {
  std::string out;
  for (auto shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
  return out;
}

inline uint32_t number_at(std::string_view bytes, size_t at, size_t count = 4) {
  uint32_t out = 0;
  for (auto c : bytes.substr(at, count))
    out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

/// A frame (RFC 9113 §4.1).
inline std::string frame(uint8_t kind, uint8_t flags, int32_t stream,
                         std::string_view payload = {}) {
  auto out = number(payload.size(), 3) + number(kind, 1) + number(flags, 1);
  return out.append(number(static_cast<uint32_t>(stream))).append(payload);
}

inline std::string settings(const h2_settings& pairs) {
  std::string payload;
  for (const auto& [name, value] : pairs)
    payload += number(name, 2) + number(value);
  return frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

inline std::string goaway(int32_t last, uint32_t code = 0, const std::string& words = "") {
  return frame(NGHTTP2_GOAWAY, 0, 0, number(static_cast<uint32_t>(last)) + number(code) + words);
}

inline std::string reset(int32_t stream, uint32_t code = NGHTTP2_CANCEL) {
  return frame(NGHTTP2_RST_STREAM, 0, stream, number(code));
}

inline std::string window(int32_t stream, uint32_t size) {
  return frame(NGHTTP2_WINDOW_UPDATE, 0, stream, number(size));
}

inline std::string ping(uint64_t word = 0) { return frame(NGHTTP2_PING, 0, 0, number(word, 8)); }

/// Fields, packed so that the other end's table stays as it was: blocks go in any order.
inline std::string block(const h2_fields& fields) {
  nghttp2_hd_deflater* packer = nullptr;
  must(nghttp2_hd_deflate_new(&packer, 4096) == 0);
  std::vector<nghttp2_nv> list;
  auto bytes = [](const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  for (const auto& [name, value] : fields)
    list.push_back(
      {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NO_INDEX});
  std::string out(nghttp2_hd_deflate_bound(packer, list.data(), list.size()), '\0');
  auto size = nghttp2_hd_deflate_hd(packer, reinterpret_cast<uint8_t*>(out.data()), out.size(),
                                    list.data(), list.size());
  nghttp2_hd_deflate_del(packer);
  must(size >= 0);
  out.resize(static_cast<size_t>(size));
  return out;
}

/// The frames of a head: HEADERS, and CONTINUATION where one does not hold it.
inline std::string head(int32_t stream, const h2_fields& fields, bool ended) {
  constexpr size_t most = 16384;
  auto rest = block(fields);
  uint8_t kind = NGHTTP2_HEADERS;
  uint8_t flags = ended ? end_stream : 0;
  std::string out;
  do {
    auto part = rest.substr(0, most);
    rest.erase(0, most);
    out += frame(kind, rest.empty() ? flags | end_headers : flags, stream, part);
    kind = NGHTTP2_CONTINUATION;
    flags = 0;
  } while (!rest.empty());
  return out;
}

} // namespace h2

} // namespace proxy::test
