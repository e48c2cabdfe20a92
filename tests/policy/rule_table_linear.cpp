#define CAF_SUITE policy.rule_table_linear
#include "policy/rule_table.hpp" // unit under test

#include <random>

#include "policy/ip_class.hpp"
#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

// The index against a judge without one: random policies, each asked many questions, and both have
// to say the same and name the same rule.

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::system_clock::time_point noon{1'000'000s};

/// The same numbers on every machine.
class dice {
public:
  explicit dice(uint32_t seed) : engine_(seed) {}
  [[nodiscard]] size_t below(size_t n) { return engine_() % n; }
  [[nodiscard]] bool one_in(size_t n) { return below(n) == 0; }
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
  template <class T>
  [[nodiscard]] std::vector<T> some_of(const std::vector<T>& all) {
    std::vector<T> out;
    for (auto& one : all)
      if (one_in(2))
        out.push_back(one);
    return out;
  }

private:
  std::mt19937 engine_;
};

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

/// Goes through all rules and their patterns, one by one.
class linear_judge {
public:
  struct match {
    const rule* by = nullptr;
    placed_text place{};
    bool for_reading = false;
    explicit operator bool() const { return by != nullptr; }
  };

  linear_judge(const std::vector<rule>& all, const rules& in_force, const query& q)
    : all_(all), in_force_(in_force), q_(q), to_(q.to) {
    limited_ = std::ranges::any_of(all_, [](auto& r) { return r.act == action::limit; });
    for (auto& r : all_)
      hooked_ = hooked_ || (r.act == action::inject && leads_to_same(r.hook->host, to_.host));
    reading_ = has_reading();
    read_ = in_force_.mitm && (in_force_.inspect || reading_ ||
                               (to_.protocol == protocol::https_connect && (limited_ || hooked_)));
    if (q.request)
      no_path_ = http1::canonicalise(q.request->path, path_) != nullptr;
    if (q.request)
      request_ = {to_.method, no_path_ ? nullptr : &path_, q.request->fields};
  }

  /// "allow", "ask", or the reason, with the rule that says so.
  std::string judge() {
    if (!in_force_.enabled)
      return "proxy_disabled";
    if (auto no = find(action::deny, by_host))
      return told("denied", no);
    if (to_.host.ip())
      if (auto no = find(action::deny, by_address))
        return told("denied", no);
    if (is_local()) {
      auto listing = find(action::allow, is_metadata() ? by_literal : by_listing);
      if (!listing)
        return "not_allowed_local";
      for_reading_ = listing.for_reading;
    }
    auto by = find(action::allow, by_host);
    if (by)
      return after_lists("allow", by);
    if (auto asks = find(action::ask, by_host))
      return after_lists("ask", asks);
    return "not_allowed";
  }

private:
  enum how : uint8_t { by_host, by_address, by_listing, by_literal };

  [[nodiscard]] bool is_tunnel() const {
    return to_.protocol == protocol::https_connect || to_.protocol == protocol::socks5_tcp;
  }
  [[nodiscard]] bool is_metadata() const {
    return to_.host.ip() && policy::is_metadata(*to_.host.ip());
  }
  [[nodiscard]] bool is_local() const {
    if (is_metadata())
      return true;
    return !in_force_.allow_local_binding &&
           (to_.host.is_localhost() || (to_.host.ip() && is_non_public(*to_.host.ip())));
  }

  [[nodiscard]] static std::string told(std::string_view words, const match& by) {
    return std::string{words} + " by " + by.place.text + " at " + by.place.file + ':' +
           std::to_string(by.place.line) + ':' + std::to_string(by.place.column);
  }

  /// Hooks, mode, and whether what has to be read is.
  std::string after_lists(std::string_view words, const match& by) {
    auto https = to_.protocol == protocol::https;
    if (hooked_ && !https && !(to_.protocol == protocol::https_connect && in_force_.mitm))
      return "mitm_required";
    if (hooked_ && https && !some_hook_fits())
      return "mitm_hook_denied";
    if (!hooked_ && is_tunnel() && !in_force_.mitm && reading_)
      return "mitm_required";
    if (limited_) {
      auto socks = to_.protocol == protocol::socks5_tcp || to_.protocol == protocol::socks5_udp;
      if (socks)
        return "method_not_allowed";
      if (to_.protocol == protocol::https_connect) {
        if (!in_force_.mitm)
          return "mitm_required";
      } else if (to_.method != "GET") {
        return "method_not_allowed";
      }
    }
    if ((by.for_reading || for_reading_) && !read_)
      return "mitm_required";
    return told(words, by);
  }

  [[nodiscard]] bool some_hook_fits() const {
    return std::ranges::any_of(all_, [&](auto& r) {
      return r.act == action::inject && leads_to_same(r.hook->host, to_.host) &&
             admits(*r.request, request_);
    });
  }

  /// Whether a rule looks at requests: at this one, or at what comes through this tunnel.
  [[nodiscard]] bool has_reading() const {
    auto looks = [&](const rule& r) {
      if (!is_tunnel())
        return r.request && to_.protocol != protocol::socks5_udp && r.protocols.fits(to_.protocol);
      auto requests = r.protocols.fits(protocol::http) || r.protocols.fits(protocol::https);
      return requests && (r.request || !r.protocols.fits(to_.protocol));
    };
    return std::ranges::any_of(all_, [&](auto& r) {
      if (r.act == action::inject || r.act == action::limit || !looks(r) || !has_port(r))
        return false;
      return std::ranges::any_of(r.hosts, [&](auto& h) {
        return h.text == "*" || rank(h.text, by_host) > 0 ||
               (r.act == action::allow && rank(h.text, by_listing) > 0);
      });
    });
  }

  [[nodiscard]] bool has_port(const rule& r) const {
    return r.ports.empty() || std::ranges::find(r.ports, to_.port) != r.ports.end();
  }

  /// 0: does not fit; 1: lets a tunnel through to be read; 2: fits.
  [[nodiscard]] int fits(const rule& r) const {
    if (!has_port(r))
      return 0;
    if (r.until) {
      auto over = q_.by.now ? *q_.by.now >= *r.until : r.act != action::deny;
      if (over)
        return 0;
    }
    if (!r.who.empty() && std::ranges::find(r.who, q_.by.client.name) == r.who.end())
      return 0;
    auto allows = r.act == action::allow;
    if (is_tunnel()) {
      auto of_unread =
        to_.protocol == protocol::https_connect && r.protocols.names(protocol::https_connect);
      if (!r.request && r.protocols.fits(to_.protocol) && !(read_ && of_unread))
        return 2;
      if (r.act == action::ask && !r.request && read_ && r.protocols.fits(protocol::https))
        return 2;
      return allows && r.protocols.fits(protocol::https) ? 1 : 0;
    }
    if (!r.protocols.fits(to_.protocol))
      return 0;
    if (!r.request)
      return 2;
    if (!q_.request)
      return 0;
    return (allows ? admits(*r.request, request_) : may_fit(*r.request, request_)) ? 2 : 0;
  }

  /// How special a pattern is that matches; 0: it does not.
  [[nodiscard]] size_t rank(const std::string& text, how by) const {
    constexpr size_t named = 1000;
    auto p = unbox(domain_pattern::parse(text));
    if (p.port() && *p.port() != to_.port)
      return 0;
    if (by == by_address) {
      // As it is, then as what it carries.
      auto carried_by_it = embedded_v4(*to_.host.ip());
      auto inside = [&](const ip_network& n) -> size_t {
        if (n.contains(*to_.host.ip()))
          return named + n.bits;
        return carried_by_it && n.contains(*carried_by_it) ? n.bits + 1U : 0;
      };
      if (!p.network() || !p.scope().empty())
        return 0;
      auto carried = embedded_v4(*p.network());
      return std::max(inside(*p.network()), carried ? inside(*carried) : 0);
    }
    if (by == by_literal && p.shape() != domain_pattern::kind::address)
      return 0;
    if (by == by_listing) {
      auto local = to_.host.is_localhost() && p.shape() == domain_pattern::kind::exact &&
                   p.name() == "localhost";
      if (!local && p.shape() != domain_pattern::kind::exact &&
          p.shape() != domain_pattern::kind::address &&
          !(p.network() && is_non_public(*p.network())))
        return 0;
      if (local)
        return 1;
    }
    if (!p.matches(to_.host, to_.port))
      return 0;
    switch (p.shape()) {
      case domain_pattern::kind::exact: return 2 * named;
      case domain_pattern::kind::glob: return 1;
      case domain_pattern::kind::address:
      case domain_pattern::kind::network: return p.network()->bits + 1U;
      default: return named + p.name().size();
    }
  }

  [[nodiscard]] match find(action act, how by) const {
    for (auto least : {2, 1}) {
      match best;
      size_t highest = 0;
      for (auto& r : all_) {
        if (r.act != act || fits(r) < least)
          continue;
        for (auto& h : r.hosts)
          if (h.text != "*")
            if (auto special = rank(h.text, by); special > highest) {
              highest = special;
              best = {&r, r.where.text.empty() ? h : r.where, least == 1};
            }
      }
      if (best)
        return best;
      for (auto& r : all_)
        if (by == by_host && r.act == act && fits(r) >= least)
          for (auto& h : r.hosts)
            if (h.text == "*")
              return {&r, r.where.text.empty() ? h : r.where, false};
    }
    return {};
  }

  const std::vector<rule>& all_;
  const rules& in_force_;
  const query& q_;
  const target& to_;
  bool limited_ = false;
  bool hooked_ = false;
  bool reading_ = false;
  bool read_ = false;        ///< Of a tunnel.
  bool for_reading_ = false; ///< What lists a local host lets it through to be read alone.
  bool no_path_ = false;
  http1::request_path path_;
  judged_request request_{};
};

/// The same of `decide`.
std::string by_index(const rules& in_force, const query& q) {
  auto judged = decide(in_force, q);
  auto place = [](const placed_text& by) {
    return " by " + by.text + " at " + by.file + ':' + std::to_string(by.line) + ':' +
           std::to_string(by.column);
  };
  if (auto* granted = std::get_if<permit>(&judged))
    return "allow" + place(*granted->rule());
  if (auto* asked = std::get_if<question>(&judged))
    return "ask" + place(*asked->unanswered().rule);
  auto& no = std::get<denial>(judged);
  // What the mode and hooks name is no matter of the index.
  return std::string{to_string(no.reason)} + (no.reason == reason::denied ? place(*no.rule) : "");
}

struct asked {
  target to;
  read_request request;
  bool has_request = false;
  std::string client;
  std::optional<std::chrono::system_clock::time_point> now;
};

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

} // namespace

CAF_TEST(the index says what going through all rules says) {
  constexpr size_t policies = 250;
  constexpr size_t questions = 60;
  size_t verdicts[3]{};
  for (uint32_t seed = 1; seed <= policies; ++seed) {
    dice d{seed};
    auto all = random_rules(d);
    rules in_force;
    in_force.enabled = !d.one_in(20);
    in_force.mitm = !d.one_in(3);
    in_force.inspect = d.one_in(5);
    in_force.allow_local_binding = d.one_in(3);
    std::vector<rule_table::problem> problems;
    in_force.table = rule_table::compile(all, problems);
    for (auto& p : problems)
      CAF_MESSAGE(p.id << ": " << p.where.text << ": " << p.reason);
    CAF_REQUIRE(in_force.table);
    for (size_t i = 0; i < questions; ++i) {
      auto what = random_question(d);
      http1::request_path scratch;
      query q{.to = what.to, .by = {.client = {what.client}, .now = what.now}};
      if (what.has_request)
        q.request = request_facts{what.request.path, what.request.fields, &scratch};
      auto expected = linear_judge{all, in_force, q}.judge();
      auto found = by_index(in_force, q);
      if (found != expected)
        CAF_MESSAGE("policy " << seed << ", question " << i << ": " << what.to.host.text() << ':'
                              << what.to.port << " by " << to_string(what.to.protocol));
      CAF_REQUIRE_EQUAL(found, expected);
      ++verdicts[found.starts_with("allow") ? 0 : found.starts_with("ask") ? 1 : 2];
    }
  }
  // The questions are worth asking.
  for (auto count : verdicts)
    CAF_CHECK(count > policies * questions / 50);
}
