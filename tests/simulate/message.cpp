#include "tests/simulate/message.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "protocols/ascii.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

std::string field_of(const std::string& head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    std::string_view line{head.data() + at + 2, head.find("\r\n", at + 2) - at - 2};
    if (line.size() > name.size() + 1 && line[name.size()] == ':' &&
        ascii::equals_ignoring_case(line.substr(0, name.size()), name))
      return std::string{ascii::trim(line.substr(name.size() + 1))};
  }
  return "";
}

std::string field_for(framing how, uint64_t length) {
  switch (how) {
    case framing::length: return "Content-Length: " + std::to_string(length) + "\r\n";
    case framing::chunks: return "Transfer-Encoding: chunked\r\n";
    case framing::end_of_connection: break;
  }
  return "Connection: close\r\n";
}

std::string in_chunks(std::string_view body, simulation::made_up_chance& chance) {
  std::string out;
  auto longest = chance.below(3) == 0 ? 50 : 40'000;
  while (!body.empty()) {
    auto size = std::min<size_t>(body.size(), 1 + chance.below(static_cast<uint64_t>(longest)));
    char line[32];
    out.append(line, static_cast<size_t>(std::snprintf(line, sizeof line, "%zx", size)));
    if (chance.below(8) == 0)
      out += ";of=\"it\"";
    out += "\r\n";
    out += body.substr(0, size);
    out += "\r\n";
    body.remove_prefix(size);
  }
  out += "0\r\n";
  if (chance.below(4) == 0)
    out += "X-Sum: 7\r\n";
  return out + "\r\n";
}

bool body_reader::take_line(std::string& text, std::string& line) {
  auto end = text.find("\r\n");
  if (end == std::string::npos)
    return false;
  line = text.substr(0, end);
  text.erase(0, end + 2);
  return true;
}

bool body_reader::take_framing(std::string& text) {
  std::string line;
  if (!take_line(text, line))
    return false;
  switch (stands_) {
    case at::size: {
      char* end = nullptr;
      left_ = std::strtoull(line.c_str(), &end, 16);
      demand(end != line.c_str() && (*end == '\0' || *end == ';'),
             "no chunk: " + line.substr(0, 40));
      stands_ = left_ > 0 ? at::data : at::trailers;
      break;
    }
    case at::behind_data:
      demand(line.empty(), "a chunk is longer than it says: " + line.substr(0, 40));
      stands_ = at::size;
      break;
    default:
      if (line.empty())
        stands_ = at::end;
  }
  return true;
}

std::string body_reader::take(std::string& text) {
  std::string out;
  for (;;) {
    auto has_data = how_ != framing::chunks || stands_ == at::data;
    if (!has_data) {
      if (stands_ == at::end || !take_framing(text))
        return out;
      continue;
    }
    auto size = how_ == framing::end_of_connection
                  ? text.size()
                  : static_cast<size_t>(std::min<uint64_t>(left_, text.size()));
    out.append(text, 0, size);
    text.erase(0, size);
    if (how_ != framing::end_of_connection)
      left_ -= size;
    if (how_ != framing::chunks || left_ > 0)
      return out;
    stands_ = at::behind_data;
  }
}

} // namespace proxy::simulate
