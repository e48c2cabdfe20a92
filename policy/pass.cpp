#include "policy/pass.hpp"

namespace proxy::policy {

std::variant<permit, denial> judge_again(const rules& now, const permit& was,
                                         const standing& where) {
  auto by_decider = was.source() == source::decider;
  if (auto no = judge_again(now, was.to(), where.connected, by_decider, where.read, where.found_as))
    return std::move(*no);
  auto again = evaluate(now, was.to());
  if (auto* no = std::get_if<denial>(&again); no && by_decider)
    return overrule(now, *no, was.to());
  return again;
}

std::variant<vetted, denial> vet(const rules& in_force, const permit& by,
                                 std::vector<ip_address> addresses, host found_as) {
  auto judged = vet(in_force, by, addresses, nullptr, found_as);
  if (auto* no = std::get_if<denial>(&judged))
    return std::move(*no);
  return vetted{std::move(addresses), std::move(found_as)};
}

} // namespace proxy::policy
