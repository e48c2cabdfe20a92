#include "tests/policy/linear_judge.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"
#include "tests/support/test.hpp"

namespace proxy::policy::test {

linear_judge::linear_judge(const std::vector<rule>& all, const rules& in_force, const query& q)
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

std::string linear_judge::judge() {
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

bool linear_judge::is_tunnel() const {
  return to_.protocol == protocol::https_connect || to_.protocol == protocol::socks5_tcp;
}

bool linear_judge::is_metadata() const {
  return to_.host.ip() && policy::is_metadata(*to_.host.ip());
}

bool linear_judge::is_local() const {
  if (is_metadata())
    return true;
  return !in_force_.allow_local_binding &&
         (to_.host.is_localhost() || (to_.host.ip() && is_non_public(*to_.host.ip())));
}

std::string linear_judge::told(std::string_view words, const match& by) {
  return std::string{words} + " by " + by.place.text + " at " + by.place.file + ':' +
         std::to_string(by.place.line) + ':' + std::to_string(by.place.column);
}

std::string linear_judge::after_lists(std::string_view words, const match& by) {
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

bool linear_judge::some_hook_fits() const {
  return std::ranges::any_of(all_, [&](auto& r) {
    return r.act == action::inject && leads_to_same(r.hook->host, to_.host) &&
           admits(*r.request, request_);
  });
}

bool linear_judge::has_reading() const {
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

bool linear_judge::has_port(const rule& r) const {
  return r.ports.empty() || std::ranges::find(r.ports, to_.port) != r.ports.end();
}

int linear_judge::fits(const rule& r) const {
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

size_t linear_judge::rank(const std::string& text, how by) const {
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
        p.shape() != domain_pattern::kind::address && !(p.network() && is_non_public(*p.network())))
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

linear_judge::match linear_judge::find(action act, how by) const {
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

} // namespace proxy::policy::test
