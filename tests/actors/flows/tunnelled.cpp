#include "tests/actors/flows/tunnelled.hpp"

namespace proxy::test {

tunnelled::tunnelled(const std::string& daemon)
  : stage{{.network = "allowed_domains = [\"example.com\"]",
           .daemon = "log.access = true\n" + daemon}} {
  names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
}

bool tunnelled::carries(party& from, party& to, const std::string& bytes) {
  to.forget();
  from.say(bytes);
  return until([&] { return to.text.size() >= bytes.size(); }) && to.text == bytes;
}

std::string noise(size_t size, uint32_t from) {
  std::string out(size, '\0');
  for (auto& c : out) {
    from = from * 1664525 + 1013904223;
    c = static_cast<char>(from >> 24);
  }
  return out;
}

} // namespace proxy::test
