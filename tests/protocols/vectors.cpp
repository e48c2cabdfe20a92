#define CAF_SUITE protocols.vectors
#include "protocols/host.hpp" // unit under test

#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "protocols/ascii.hpp"
#include "protocols/socks5/greeting.hpp"
#include "protocols/socks5/request.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using nlohmann::json;

namespace {

std::string read(std::string_view name) {
  std::ifstream in{std::string{PROXY_VECTORS} + '/' + std::string{name}};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A host that may have a port behind it, as clients and configurations write it.
caf::expected<host> parse_loosely(std::string_view text) {
  if (auto plain = host::parse(text))
    return plain;
  auto with_port = authority::parse(text);
  return with_port ? caf::expected<host>{with_port->host} : std::move(with_port.error());
}

/// What the kinds of case ask, `null` for a refusal.
json normalise(const std::string& input) {
  auto parsed = parse_loosely(input);
  if (!parsed)
    return nullptr;
  return parsed->text() + (parsed->scope().empty() ? "" : '%' + parsed->scope());
}

json ipv4(const std::string& input) {
  auto parsed = host::parse(input);
  return parsed && parsed->ip() && parsed->ip()->is_v4() ? json(parsed->text()) : json(nullptr);
}

json loopback(const std::string& input) {
  auto parsed = host::parse(input);
  if (!parsed)
    return nullptr;
  auto in = [&](std::string_view network) {
    return parsed->ip() && ip_network::parse(network).value().contains(*parsed->ip());
  };
  return parsed->is_localhost() || in("127.0.0.0/8") || in("::1/128");
}

/// The cases are targets of CONNECT, where a port must stand.
json target_authority(const std::string& input) {
  auto parsed = authority::parse(input);
  if (!parsed || !parsed->port)
    return nullptr;
  return {{"host", parsed->host.text()}, {"port", *parsed->port}};
}

/// A greeting and its answer in hexadecimal, where no authentication is all that will do.
json socks5_greeting(const std::string& input) {
  std::string bytes;
  for (size_t at = 0; at + 1 < input.size(); at += 2)
    bytes +=
      static_cast<char>(ascii::digit_value(input[at]) << 4 | ascii::digit_value(input[at + 1]));
  auto got = socks5::decode_greeting(bytes);
  if (!got || !*got)
    return nullptr;
  using socks5::method;
  auto can = (*got)->value.offers(method::no_authentication);
  auto answer = socks5::encode_method(can ? method::no_authentication : method::none_acceptable);
  std::string hex;
  for (auto c : answer)
    for (auto digit : {static_cast<uint8_t>(c) >> 4, c & 15})
      hex += "0123456789abcdef"[digit];
  return hex;
}

/// The name in a request to CONNECT to port 443.
json socks5_connect(const std::string& input) {
  using namespace std::string_literals;
  auto got = socks5::decode_request("\x05\x01\x00\x03"s + static_cast<char>(input.size()) + input +
                                    "\x01\xbb");
  if (!got || !*got)
    return nullptr;
  auto& target = (*got)->value.target;
  return {{"host", target.host.text()}, {"port", target.port}};
}

} // namespace

CAF_TEST(every vector is answered as expected or as the deviations say) {
  const std::map<std::string, json (*)(const std::string&)> kinds = {
    {"normalise", normalise},
    {"ipv4", ipv4},
    {"loopback", loopback},
    {"authority", target_authority},
    {"socks5_greeting", socks5_greeting},
    {"socks5_connect", socks5_connect}};
  auto cases = json::parse(read("protocols.json"), nullptr, false);
  auto deviations = read("deviations.md");
  CAF_REQUIRE(cases.is_array() && !cases.empty());
  for (auto& one : cases) {
    auto id = one["id"].get<std::string>();
    CAF_MESSAGE(one.dump());
    bool deviates = one.contains("spec");
    CAF_CHECK_EQUAL(deviates, deviations.find("| " + id + " |") != std::string::npos);
    CAF_CHECK(!deviates || one["spec"] != one["expect"]);
    auto answer = kinds.at(one["kind"])(one["input"]);
    CAF_CHECK_EQUAL(answer.dump(), one[deviates ? "spec" : "expect"].dump());
  }
}
