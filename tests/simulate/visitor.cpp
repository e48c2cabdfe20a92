#include "tests/simulate/visitor.hpp"

#include <cstdlib>
#include <utility>

#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

visitor::visitor(surroundings& around, destination to, uint16_t port)
  : around_(around), to_(std::move(to)), end_(around.on), began_(around.time.now()),
    moved_(around.time.now()) {
  end_.connect(around.proxy, port != 0 ? port : around.port);
  account_.port = end_.own_address().port();
  account_.calm = around.calm;
}

bool visitor::step() {
  if (!end_.is_open())
    return true;
  look();
  end_.move(1 << 20);
  look();
  go_on();
  look();
  if (end_.is_open() && (end_.ended || end_.is_broken())) {
    is_cut_off();
    end_.close();
  }
  if (end_.is_open())
    return false;
  if (!account_.who.empty())
    around_.books.closes(std::move(account_));
  return true;
}

void visitor::look() {
  auto now = std::pair{end_.text.size(), end_.unsaid()};
  if (std::exchange(seen_, now) != now)
    moved_ = around_.time.now();
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
  answer out;
  out.status = std::atoi(head.c_str() + 9);
  out.forwarded = !field_of(head, "via").empty();
  out.id = field_of(head, "x-request-id");
  auto length = field_of(head, "content-length");
  if (!field_of(head, "transfer-encoding").empty())
    out.how = framing::chunks;
  else if (!length.empty() || out.status < 200 || out.status == 204 || out.status == 304)
    out.length = std::strtoull(length.c_str(), nullptr, 10);
  else
    out.how = framing::end_of_connection;
  return out;
}

std::string connect_to(const std::string& authority) {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
}

} // namespace proxy::simulate
