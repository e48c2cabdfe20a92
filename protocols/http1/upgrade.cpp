#include "protocols/http1/upgrade.hpp"
#include "protocols/known_word.hpp"

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

namespace {

/// `h2c`, and what its drafts called themselves: `h2c-14`.
bool is_cleartext_http2(std::string_view protocol) noexcept {
  auto name = protocol.substr(0, protocol.find_first_of("-/"));
  return ascii::is<"h2c">(name);
}

template <class Visit>
void for_each_protocol(const head& h, Visit visit) {
  for (const auto& f : h.fields)
    if (ascii::is<"upgrade">(f.name))
      for_each_element(f.value, visit);
}

bool offers(std::string_view offer, std::string_view protocol) noexcept {
  bool found = false;
  for_each_element(
    offer, [&](std::string_view one) { found |= ascii::equals_ignoring_case(one, protocol); });
  return found;
}

} // namespace

std::string upgrade_offer(const request& req) {
  std::string out;
  if (req.upgrade.empty())
    return out;
  for_each_protocol(req, [&](std::string_view protocol) {
    if (!is_cleartext_http2(protocol))
      out.append(out.empty() ? "" : ", ").append(protocol);
  });
  return out;
}

bool offers_websocket_alone(const request& req) noexcept {
  size_t count = 0;
  bool websocket = false;
  for_each_protocol(req, [&](std::string_view protocol) {
    ++count;
    websocket |= ascii::is<"websocket">(protocol);
  });
  return count == 1 && websocket;
}

bool takes_offer(const response& res, std::string_view offer) noexcept {
  if (res.upgrade.empty())
    return false;
  bool all = true, any = false;
  for_each_protocol(res, [&](std::string_view protocol) {
    any = true;
    all &= offers(offer, protocol);
  });
  return any && all;
}

} // namespace proxy::http1
