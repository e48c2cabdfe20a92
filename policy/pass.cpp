#include "policy/pass.hpp"

namespace proxy::policy {

std::variant<permit, denial> judge_again(const rules& now, const permit& was,
                                         const standing& where) {
  static constexpr answer yes{};
  destination leads_to;
  if (where.connected)
    leads_to.addresses = std::span{&*where.connected, 1};
  if (!where.found_as.text().empty())
    leads_to.found_as = &where.found_as;
  query q{.to = was.to(), .reading = where.reading, .leads_to = leads_to};
  if (was.source() == source::decider)
    q.answer = &yes;
  auto judged = decide(now, q);
  if (auto* again = std::get_if<permit>(&judged))
    return std::move(*again);
  if (auto* asked = std::get_if<question>(&judged))
    return asked->unanswered();
  return std::get<denial>(std::move(judged));
}

std::variant<vetted, denial> vetted::by(const rules& in_force, const target& granted,
                                        std::vector<ip_address> addresses, host found_as) {
  destination leads_to{.addresses = addresses};
  if (!found_as.text().empty())
    leads_to.found_as = &found_as;
  if (auto no = why_not(in_force, {.to = granted, .leads_to = leads_to, .granted = true}))
    return std::move(*no);
  return vetted{std::move(addresses), std::move(found_as)};
}

} // namespace proxy::policy
