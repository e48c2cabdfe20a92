#include "actors/loop/simulation/internet.hpp"

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

internet::internet(made_up_time& time, made_up_chance& chance) : time_(time), chance_(chance) {}

internet::~internet() = default;

node& internet::add_node(std::string name, std::vector<ip_address> addresses) {
  nodes_.push_back(std::make_unique<node>(*this, std::move(name), std::move(addresses)));
  return *nodes_.back();
}

void internet::set_conditions(const node& from, const node& to, const conditions& how) {
  ways_[{&from, &to}] = how;
}

const conditions& internet::conditions_between(const node& from, const node& to) const {
  static const conditions perfect;
  auto found = ways_.find({&from, &to});
  return found == ways_.end() ? perfect : found->second;
}

std::optional<steady_time> internet::next() const {
  return under_way_.empty() ? std::nullopt : std::optional{under_way_.begin()->first.first};
}

bool internet::deliver() {
  bool any = false;
  while (!under_way_.empty() && under_way_.begin()->first.first <= time_.now()) {
    auto arrived = under_way_.extract(under_way_.begin());
    arrived.mapped()();
    any = true;
  }
  return any;
}

node* internet::find(const node& from, const ip_address& address) const {
  if (from.has(address))
    return const_cast<node*>(&from);
  for (const auto& each : nodes_)
    if (each.get() != &from && each->is_reached_by(address))
      return each.get();
  return nullptr;
}

void internet::at(steady_time when, std::function<void()> what) {
  under_way_.try_emplace({when, ++count_}, std::move(what));
}

steady_time internet::arrival(const node& from, const node& to, size_t size, steady_time* after) {
  const auto& how = conditions_between(from, to);
  auto when = time_.now();
  if (how.bytes_per_second > 0) {
    auto& busy = busy_until_[{&from, &to}];
    busy =
      std::max(busy, when) + std::chrono::nanoseconds{size * 1'000'000'000 / how.bytes_per_second};
    when = busy;
  }
  when += how.delay;
  if (how.jitter.count() > 0)
    when += std::chrono::nanoseconds{chance_.below(static_cast<uint64_t>(how.jitter.count()) + 1)};
  if (after)
    when = *after = std::max(when, *after);
  return when;
}

} // namespace proxy::simulation
