#include "actors/serve/client/client_session.hpp"

#include "actors/net/http2_link.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/socks5/association.hpp"

namespace proxy {

std::string_view to_string(ending e) noexcept {
  switch (e) {
    case ending::done: return "done";
    case ending::client_gone: return "client_gone";
    case ending::upstream_gone: return "upstream_gone";
    case ending::idle: return "idle";
    case ending::refused: return "refused";
    case ending::fault: return "fault";
    case ending::policy_changed: return "policy_changed";
    case ending::aborted: return "aborted";
  }
  return "?";
}

client_session::client_session(pinned_session& owner, shard_core& on, endpoint what,
                               client_address whence)
  : client_end(on, whence), self(owner),
    id(on.process->next_connection_id.fetch_add(1, std::memory_order_relaxed)), serves(what),
    began(on.loop.now()) {}

client_session::client_session(pinned_session& owner, const client_session& of,
                               std::unique_ptr<upstream> dialled)
  : client_session(owner, of.shard, of.serves, of.from) {
  known_as = of.known_as;
  logins = of.logins;
  draining = of.draining;
  if (dialled)
    dialled->io.belong_to(&wakes);
  const auto& around = std::get<state::h2_link>(of.state_).in;
  if (auto* no = std::get_if<state::refused>(&around))
    state_ = state::refused{no->what};
  else
    state_ =
      state::intercepted{std::make_unique<interception>(*std::get<state::intercepted>(around).what),
                         nullptr, std::move(dialled), std::nullopt};
}

client_session::~client_session() = default;

upstream& client_session::begin_exchange(exchange& ex, std::unique_ptr<upstream> server) {
  auto& to = *server;
  if (auto* around = in_state<state::intercepted>())
    around->request.emplace(ex, std::move(server));
  else
    state_.emplace<state::exchanging>(ex, std::move(server));
  return to;
}

std::unique_ptr<upstream> client_session::end_exchange() {
  if (auto* around = in_state<state::intercepted>()) {
    auto served = std::move(around->request->server);
    around->request.reset();
    return served;
  }
  auto served = std::move(std::get<state::exchanging>(state_).server);
  state_.emplace<state::reading>();
  return served;
}

interception* client_session::enclosing_tunnel() noexcept {
  if (auto* around = in_state<state::intercepted>())
    return around->what.get();
  if (auto* switched = in_state<state::tunnel>())
    return switched->enclosing.get();
  auto* h2 = in_state<state::h2_link>();
  auto* around = h2 ? std::get_if<state::intercepted>(&h2->in) : nullptr;
  return around ? around->what.get() : nullptr;
}

const refused_tunnel* client_session::refused() const noexcept {
  if (auto* no = in_state<state::refused>())
    return no->what.get();
  auto* h2 = in_state<state::h2_link>();
  auto* no = h2 ? std::get_if<state::refused>(&h2->in) : nullptr;
  return no ? no->what.get() : nullptr;
}

const admission* client_session::admitted() const noexcept {
  auto* by = std::visit([](const auto& now) { return now.admitted(); }, state_);
  return by ? by : last_admitted.get();
}

bool client_session::is_tunnel() const noexcept {
  return std::visit([](const auto& now) { return now.admitted() != nullptr; }, state_);
}

void client_session::count_tunnel() noexcept {
  auto is_open = opened_.at != steady_time{};
  if (is_tunnel() == is_open)
    return;
  if (is_open)
    return end_tunnel();
  opened_ = opened_tunnel{shard.loop.now(), bytes_up, bytes_down};
  ++shard.counters.tunnels_active;
}

std::pair<uint64_t, uint64_t> client_session::moved_in_tunnel() const noexcept {
  if (client.stream())
    return {bytes_up, bytes_down};
  if (opened_.at == steady_time{})
    return {};
  return {bytes_up - opened_.bytes_up, bytes_down - opened_.bytes_down};
}

void client_session::end_tunnel() noexcept {
  auto& numbers = shard.counters;
  auto [up, down] = moved_in_tunnel();
  numbers.tunnel_bytes_up += up;
  numbers.tunnel_bytes_down += down;
  auto was = std::exchange(opened_, {});
  if (was.at == steady_time{})
    return;
  --numbers.tunnels_active;
  numbers.tunnel_time.observe(shard.loop.now() - was.at);
  if (auto* h2 = in_state<state::h2_link>()) {
    up += h2->link->moved.bytes_up;
    down += h2->link->moved.bytes_down;
  }
  numbers.tunnel_size.observe(up + down);
}

spoken client_session::speaks() const noexcept {
  if (in_state<state::h2_link>())
    return spoken::http2;
  const auto* by = admitted();
  auto first = by ? by->to().protocol : policy::protocol::http;
  auto over_socks = first == policy::protocol::socks5_tcp || first == policy::protocol::socks5_udp;
  return over_socks || (!by && serves == endpoint::socks) ? spoken::socks5 : spoken::http;
}

std::unique_ptr<upstream> client_session::take_dialled() noexcept {
  auto* around = in_state<state::intercepted>();
  return around ? std::move(around->dialled) : nullptr;
}

bool client_session::has_dialled() const noexcept {
  auto* around = in_state<state::intercepted>();
  return around && around->dialled;
}

bool client_session::is_open_to_judgement() const noexcept {
  return std::visit([](const auto& now) { return now.subject() != nullptr; }, state_);
}

std::optional<policy::denial> client_session::judge() {
  if (!is_open_to_judgement())
    return std::nullopt;
  const auto& now = *shard.policy;
  auto why = judge_user(now, *this);
  if (!why) {
    if (known_as)
      known_as = std::make_shared<const identity>(identity{known_as->user, now.config});
    why = std::visit([&](auto& present) { return present.judge(*this); }, state_);
  }
  if (why) {
    const auto& what = *std::visit([](const auto& present) { return present.subject(); }, state_);
    (void)shard.refused(*why, what, *this);
  }
  return why;
}

void client_session::close(closing how) {
  held.set(0);
  if (how == closing::reset) // so that the client does not take what it has for the whole
    client.abort();
  else
    client.close();
  std::visit([how](auto& now) { now.close(how); }, state_);
  logins.reset();
}

connection_info client_session::describe() const {
  connection_info info;
  info.id = id;
  info.client = from.str();
  info.user = user();
  std::visit([&](const auto& now) { now.describe(info); }, state_);
  if (client.stream())
    info.state = in_state<state::tunnel>() ? "tunnel" : "stream";
  if (last_admitted && !is_tunnel())
    proxy::describe(*last_admitted, info);
  info.bytes_up = bytes_up;
  info.bytes_down = bytes_down;
  info.age_ms = static_cast<uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(shard.loop.now() - began).count());
  return info;
}

} // namespace proxy
