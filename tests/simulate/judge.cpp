#include "tests/simulate/judge.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

void judge::acknowledged(const std::vector<simulation::sent_bytes>& sent) {
  for (const auto& each : sent)
    if (auto found = connections_.find(each.from.port()); found != connections_.end())
      found->second.marks.push_back(each.bytes);
  policies_.push_back(std::move(*pending_));
  pending_.reset();
}

void judge::begins(const beginning& what) { check(what, policies_.size() - 1); }

void judge::begins_on(const beginning& what, uint16_t port) {
  begins(what);
  check_connection(what, connections_.at(port), policies_.size() - 1);
}

void judge::sends_from(uint16_t port) {
  auto now = policies_.size() - 1;
  connections_.try_emplace(port, connection{now, now + (pending_ ? 1 : 0), {}});
}

void judge::came(const beginning& what, uint16_t port, uint64_t at) {
  const auto& over = connections_.at(port);
  auto passed = std::ranges::upper_bound(over.marks, at) - over.marks.begin();
  auto policy = over.since + static_cast<size_t>(passed);
  check(what, policy);
  if (what.forwarded)
    check_connection(what, over, policy);
}

void judge::check(const beginning& what, size_t policy) {
  auto lets = [&](const allowance& one) { return one.lets(what.origin, what.changes_nothing); };
  auto from = policies_.begin() + static_cast<std::ptrdiff_t>(policy);
  if (std::none_of(from, policies_.end(), lets) && !(pending_ && lets(*pending_)))
    note(what, "is refused");
}

/// Each policy vets the addresses of names anew.
void judge::check_connection(const beginning& what, const connection& over, size_t policy) {
  if (policy > over.at_latest)
    note(what, "goes over a connection of an older policy");
}

void judge::note(const beginning& what, const std::string& is_wrong) {
  if (violated_.empty())
    violated_ = what.what + " to " + what.origin + ", which " + is_wrong;
}

void judge::tell() const { demand(violated_.empty(), violated_); }

} // namespace proxy::simulate
