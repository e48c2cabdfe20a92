#include "actors/observe/otlp/collector/gzip.hpp"

#include <zlib.h>

namespace proxy {

namespace {

constexpr int fast = 1; ///< Names repeat so much that more effort gains little.
constexpr int gzip_header = 16 + MAX_WBITS;
constexpr int usual_memory = 8;

} // namespace

std::string gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, fast, Z_DEFLATED, gzip_header, usual_memory, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    return {};
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); // it only reads
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  auto done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

} // namespace proxy
