#include "actors/net/client_address.hpp"

namespace proxy {

std::string client_address::str() const {
  if (unix_socket)
    return "unix";
  auto text = ip.str();
  if (!ip.is_v4())
    text = '[' + text + ']';
  text += ':';
  return text += std::to_string(port);
}

} // namespace proxy
