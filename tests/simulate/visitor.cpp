#include "tests/simulate/visitor.hpp"

#include <cstdlib>
#include <utility>

#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

visitor::visitor(surroundings& around, destination to)
  : around_(around), to_(std::move(to)), end_(around.on), began_(around.time.now()) {
  end_.connect(around.proxy, around.port);
}

bool visitor::step() {
  if (!end_.is_open())
    return true;
  end_.move(1 << 20);
  go_on();
  if (end_.is_open() && (end_.ended || end_.is_broken())) {
    is_cut_off();
    end_.close();
  }
  return !end_.is_open();
}

void visitor::demand_storm(const std::string& what) const {
  demand(!around_.calm, name() + ": " + what +
                          (end_.tls_error.empty() ? "" : " (" + end_.tls_error + ')') +
                          ", though all was calm");
}

std::optional<answer> take_head(std::string& in) {
  auto end = in.find("\r\n\r\n");
  if (end == std::string::npos)
    return std::nullopt;
  auto head = in.substr(0, end + 4);
  in.erase(0, end + 4);
  demand(head.starts_with("HTTP/1.1 "), "no HTTP comes out of the proxy: " + head.substr(0, 40));
  answer out{std::atoi(head.c_str() + 9), 0};
  for (auto name : {"\r\nContent-Length: ", "\r\ncontent-length: "})
    if (auto at = head.find(name); at != std::string::npos)
      out.length = std::strtoull(head.c_str() + at + 18, nullptr, 10);
  return out;
}

std::string connect_to(const std::string& authority) {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}

} // namespace proxy::simulate
