#include "policy/pass.hpp"

namespace proxy::policy {

namespace {

const answer* word(bool of_tunnel) noexcept {
  static constexpr answer on_itself{}, on_its_tunnel{.of_tunnel = true};
  return of_tunnel ? &on_its_tunnel : &on_itself;
}

} // namespace

const answer* answer_of(const permit& was) noexcept {
  return was.source() == source::decider ? word(was.by_word_on_tunnel()) : nullptr;
}

const answer* answer_inside(const permit& tunnel) noexcept {
  return tunnel.source() == source::decider ? word(true) : nullptr;
}

std::variant<permit, denial> judge_again(const rules& now, const permit& was, const asker& who,
                                         const standing& where) {
  destination leads_to;
  if (where.connected)
    leads_to.addresses = std::span{&*where.connected, 1};
  leads_to.found_as = where.found_as.get();
  auto judged = decide(now, {.to = was.to(),
                             .by = who,
                             .reading = where.reading,
                             .answer = answer_of(was),
                             .leads_to = leads_to});
  if (auto* again = std::get_if<permit>(&judged))
    return std::move(*again);
  if (auto* asked = std::get_if<question>(&judged))
    return asked->unanswered();
  return std::get<denial>(std::move(judged));
}

std::variant<vetted, denial> vetted::by(const rules& in_force, const target& granted,
                                        const asker& who, std::vector<ip_address> addresses,
                                        host found_as) {
  destination leads_to{.addresses = addresses};
  if (!found_as.text().empty())
    leads_to.found_as = &found_as;
  if (auto no =
        why_not(in_force, {.to = granted, .by = who, .leads_to = leads_to, .granted = true}))
    return std::move(*no);
  return vetted{std::move(addresses), std::move(found_as)};
}

} // namespace proxy::policy
