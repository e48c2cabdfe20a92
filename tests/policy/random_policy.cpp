#include "tests/policy/random_policy.hpp"

#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

namespace proxy::policy::test {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point noon{1'000'000s};

const words labels{"a", "b", "ab", "x1"};
const words ends{"test", "b.test", "org"};
const words addresses{"10.0.0.1",    "10.0.0.2",         "127.0.0.1",   "192.0.2.1",
                      "203.0.113.9", "::ffff:192.0.2.1", "2001:db8::1", "::1",
                      "8.8.8.8",     "169.254.169.254"};
const words networks{"10.0.0.0/8",   "10.0.0.0/24",   "0.0.0.0/0",
                     "192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120"};
const std::vector<uint16_t> ports{80, 443, 8443};
const words clients{"agent-1", "agent-2"};
const words methods{"GET", "POST"};
const std::vector<protocol> protocols{protocol::http, protocol::https, protocol::https_connect,
                                      protocol::socks5_tcp, protocol::socks5_udp};

std::string random_name(dice& d) {
  std::string out;
  for (auto count = d.below(3); count > 0; --count)
    out += d.one_of(labels) + '.';
  return out + d.one_of(ends);
}

std::string random_pattern(dice& d) {
  std::string out;
  switch (d.below(8)) {
    case 0:
    case 1: out = random_name(d); break;
    case 2: out = "*." + random_name(d); break;
    case 3: out = "**." + random_name(d); break;
    case 4: out = d.one_of(words{"a*", "?", "x?"}) + '.' + d.one_of(ends); break;
    case 5: out = d.one_of(labels) + ".t?st"; break; // no literal tail
    case 6: out = d.one_of(addresses); break;
    default: out = d.one_of(networks);
  }
  if (!d.one_in(4))
    return out;
  if (out.find(':') != std::string::npos)
    out = '[' + out + ']';
  return out + ':' + std::to_string(d.one_of(ports));
}

bool is_about_addresses(const std::string& pattern) {
  return unbox(domain_pattern::parse(pattern)).network().has_value();
}

std::shared_ptr<const request_limits> random_limits(dice& d) {
  request_limits out;
  out.methods = d.some_of(methods);
  if (d.one_in(2))
    out.path_prefixes = matchers({d.one_of(words{"/v1/", "/v2/"})}, value_matcher::use::path);
  if (d.one_in(4))
    out.query = constraints_of({{"q", {"1"}}});
  if (d.one_in(4))
    out.headers = constraints_of({{"x-v", {"1"}}});
  if (!out.any())
    out.methods = {"GET"};
  return std::make_shared<const request_limits>(std::move(out));
}

rule random_rule(dice& d, size_t number) {
  rule out{.id = "rule " + std::to_string(number),
           .act = d.one_of(std::vector{action::deny, action::allow, action::allow, action::ask})};
  if (d.one_in(2))
    out.where = {out.id, "rules.toml", static_cast<uint32_t>(number), 1};
  if (d.one_in(3))
    out.request = random_limits(d);
  if (d.one_in(3))
    out.protocols = d.one_of(std::vector<protocol_set>{{protocol::https},
                                                       {protocol::http, protocol::https},
                                                       {protocol::https_connect},
                                                       {protocol::socks5_tcp, protocol::socks5_udp},
                                                       {protocol::https, protocol::socks5_udp},
                                                       {protocol::http, protocol::socks5_tcp}});
  auto by_name_alone =
    out.request || out.protocols.names(protocol::http) || out.protocols.names(protocol::https);
  for (auto count = 1 + d.below(4); count > 0; --count) {
    auto pattern = random_pattern(d);
    if (out.act == action::deny && by_name_alone && is_about_addresses(pattern))
      continue; // no such rule compiles
    out.hosts.push_back({pattern, "rules.toml", static_cast<uint32_t>(out.hosts.size()), 7});
  }
  if (out.act != action::allow && (out.hosts.empty() || d.one_in(12)))
    out.hosts.push_back({"*", "rules.toml", 9, 9});
  if (d.one_in(4))
    out.ports = d.some_of(ports);
  if (d.one_in(4))
    out.who = d.some_of(clients);
  if (d.one_in(5))
    out.until = noon + std::chrono::seconds{static_cast<int>(d.below(3)) - 1};
  return out;
}

} // namespace

std::vector<rule> random_rules(dice& d) {
  plain_lists lists;
  for (auto count = d.below(6); count > 0; --count)
    lists.allowed.push_back({random_pattern(d), "config.toml", 1, static_cast<uint32_t>(count)});
  for (auto count = d.below(3); count > 0; --count)
    lists.denied.push_back({random_pattern(d), "config.toml", 2, static_cast<uint32_t>(count)});
  for (auto count = d.below(3); count > 0; --count)
    lists.hooks.push_back(hook_of({.host = d.one_in(4) ? d.one_of(addresses) : random_name(d),
                                   .methods = {d.one_of(methods)},
                                   .paths = {d.one_of(words{"/", "/v1/"})}}));
  if (d.one_in(5))
    lists.mode = mode::limited;
  auto out = rules_from(std::move(lists));
  for (auto count = d.below(10); count > 0; --count)
    out.push_back(random_rule(d, count));
  return out;
}

asked random_question(dice& d) {
  asked out;
  auto name = d.one_in(3) ? d.one_of(addresses) : d.one_in(12) ? "localhost" : random_name(d);
  out.to = get(name, d.one_of(ports));
  out.to.protocol = d.one_of(protocols);
  out.to.method = out.to.protocol == protocol::https_connect ? "CONNECT" : d.one_of(methods);
  out.has_request = out.to.protocol == protocol::http || out.to.protocol == protocol::https;
  out.to.in_tunnel = out.to.protocol == protocol::https;
  out.request.path =
    d.one_of(std::vector<std::string_view>{"/v1/a", "/v2/a?q=1", "/v1/?q=1&q=2", "/", "/x%2fv1/"});
  if (d.one_in(2))
    out.request.fields = {{"X-V", d.one_in(2) ? "1" : "2"}};
  if (d.one_in(2))
    out.client = d.one_of(clients);
  if (!d.one_in(3))
    out.now = noon + std::chrono::seconds{static_cast<int>(d.below(3)) - 1};
  return out;
}

} // namespace proxy::policy::test
