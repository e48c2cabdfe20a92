#include "protocols/http1/body_cursor.hpp"

#include <algorithm>

namespace proxy::http1 {

caf::expected<size_t> body_cursor::take(std::string_view in, std::string* data) {
  auto size = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
  if (chunked_) {
    auto used = data ? chunks_.decode(in, *data) : chunks_.consume(in);
    if (!used)
      return used;
    size = *used;
  } else {
    left_ -= size;
    if (data)
      data->append(in.substr(0, size));
  }
  taken_ += size;
  return size;
}

} // namespace proxy::http1
