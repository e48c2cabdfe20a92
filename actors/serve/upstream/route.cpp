#include "actors/serve/upstream/route.hpp"

#include "actors/dns/search_domains.hpp"
#include "actors/loop/task/ask.hpp"
#include "actors/serve/answer/refuse.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/renew.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/upstream/dial.hpp"
#include "actors/serve/upstream/dial_through.hpp"
#include "actors/serve/upstream/http2_dial.hpp"

namespace proxy {

namespace {

/// How often a request is taken up anew because the policy changed while it was dialled. Beyond it:
/// 503.
constexpr int max_policies = 16;

/// What trying to reach a target came to: a connection, a denial, or an error.
struct connect_outcome {
  std::unique_ptr<upstream> made;
  std::optional<policy::denial> denial;
  caf::error error;
};

/// The addresses of the permitted name.
/// @param is_needed  Whether nothing is reached without them.
task<caf::expected<dns_answer>> look_up(client_session& c, const host& name, bool is_needed) {
  auto known = policy::known_addresses(name);
  if (!known.empty())
    co_return dns_answer{std::move(known)};
  auto began = c.shard.loop.now();
  measured_phase waits{c.shard, phase::dns};
  // The resolver has the deadline (`timeouts.dns`); this one only guards against a resolver that
  // died.
  auto deadline = c.in(c.timeouts().dns + std::chrono::seconds{1});
  auto answer = co_await ask<dns_answer>(&c.self, c.wakes, deadline, c.shard.resolver,
                                         atom::resolve_v, question_for(name));
  c.dns_ms = static_cast<uint32_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(c.shard.loop.now() - began).count());
  count_look_up(c.shard, began, answer, is_needed);
  if (answer)
    co_return std::move(*answer);
  co_return look_up_error(c, name, std::move(answer.error()));
}

/// Takes the connection that was made when the tunnel was asked for, and puts TLS on it where the
/// request inside comes by TLS.
/// @returns nothing when it is of no use any more.
task<caf::expected<std::unique_ptr<upstream>>> use_dialled(client_session& c, const exchange& ex,
                                                           tls::alpn offer) {
  auto made = c.take_dialled();
  auto generation = ex.granted->snapshot()->generation;
  if (!made || made->generation != generation || made->io.dead() ||
      (made->io.is_plain() && made->io.has_unread())) // it has ended, or speaks unasked
    co_return std::unique_ptr<upstream>{};
  auto key = key_of(ex);
  if (!ex.target.tls()) {
    if (made->key.via != key.via) // goes another way by now
      made.reset();
    co_return std::move(made);
  }
  if (auto err = co_await secure(c, ex, *made, ex.target.host, ex.target.port, offer))
    co_return std::move(err);
  made->key = std::move(key);
  co_return std::move(made);
}

/// Judges what a name has turned out to be. @returns nothing without an answer, or with a denial.
std::optional<policy::vetted> vet_answer(client_session& c, exchange& ex,
                                         caf::expected<dns_answer>& answer,
                                         std::optional<policy::denial>& denial) {
  auto renewed = renew(c, ex);
  if (auto* no = std::get_if<policy::denial>(&renewed)) {
    denial = std::move(*no);
    return std::nullopt;
  }
  if (!answer)
    return std::nullopt;
  auto judged = policy::vet(std::get<fresh_pass>(renewed), asker_of(c),
                            std::move(answer->addresses), std::move(answer->found_as));
  if (auto* no = std::get_if<policy::denial>(&judged)) {
    denial = std::move(*no);
    return std::nullopt;
  }
  return std::get<policy::vetted>(std::move(judged));
}

/// Resolves, vets and dials, all under one policy.
/// @returns errc::policy_changed when another came before the end.
task<connect_outcome> connect_offering(client_session& c, exchange& ex, tls::alpn offer) {
  connect_outcome out;
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  if (c.has_dialled())
    dialled = co_await use_dialled(c, ex, offer);
  if (dialled && !*dialled) {
    auto name = ex.target.host; // a copy: it may be replaced meanwhile
    auto answer = co_await look_up(c, name, !ex.via);
    auto to = vet_answer(c, ex, answer, out.denial);
    if (out.denial)
      co_return out;
    if (c.client.dead()) { // judged all the same: what is recorded is the verdict
      out.error = caf::make_error(errc::cancelled, std::string{"the client has gone"});
      co_return out;
    }
    // A name that only the upstream proxy can resolve is judged by name alone.
    if (!to && !ex.via) {
      out.error = std::move(answer.error());
      co_return out;
    }
    if (ex.via)
      dialled = co_await dial_through(c, ex, offer);
    else
      dialled = co_await dial(c, ex, *to, offer);
  }
  if (dialled) {
    (*dialled)->generation = ex.granted->snapshot()->generation;
    auto carrier = std::move(*dialled);
    dialled = co_await settle_protocol(c, ex, std::move(carrier), offer);
  }
  if (!dialled)
    out.error = std::move(dialled.error());
  else if (!ex.granted->look(c.shard.policy))
    out.error = caf::make_error(errc::policy_changed, std::string{"dialled under an older policy"});
  else
    out.made = std::move(*dialled);
  co_return out;
}

/// The same with the protocol that the upstream turns out to speak.
task<connect_outcome> connect_speaking(client_session& c, exchange& ex) {
  auto offer = protocols_for(c, ex);
  auto got = co_await connect_offering(c, ex, offer);
  // What the client speaks, or what was remembered, is not what the upstream speaks.
  if (offer != tls::alpn::either && got.error && code_of(got.error) == errc::no_common_protocol) {
    auto only_h1 = offer == tls::alpn::h2;
    c.shard.pool.note(key_of(ex), only_h1 ? origin_protocol::http1 : origin_protocol::http2);
    got = co_await connect_offering(c, ex, only_h1 ? tls::alpn::http1 : tls::alpn::h2);
  } else if (offer != tls::alpn::http1 && code_of(got.error) == errc::http1_required) {
    c.shard.pool.note(key_of(ex), origin_protocol::http1);
    auto again = co_await connect_offering(c, ex, tls::alpn::http1);
    if (code_of(again.error) != errc::no_common_protocol) // that would not say why
      got = std::move(again);
  }
  co_return got;
}

} // namespace

void record_admission(client_session& c, exchange& ex) {
  if (std::exchange(ex.recorded, true))
    return;
  const auto& granted = ex.granted->grant();
  c.shard.admitted(granted, c);
  if (granted.hook())
    ++c.shard.counters.hooks_applied;
}

task<std::unique_ptr<upstream>> connect_upstream(client_session& c, exchange& ex, after& next) {
  struct reaching {
    explicit reaching(bool& flag) noexcept : on(flag) { on = true; }
    ~reaching() { on = false; }
    bool& on;
  } until_the_end{c.is_connecting};
  std::optional<dialling> for_others;
  if (c.client.stream() && !ex.upgrade && !ex.logs_in)
    for_others.emplace(c.shard.pool, key_of(ex));
  connect_outcome got;
  for (int policies = 0;;) {
    got.denial = denial_in(renew(c, ex));
    if (got.denial)
      break;
    got = co_await connect_speaking(c, ex);
    if (!got.error || code_of(got.error) != errc::policy_changed || ++policies == max_policies)
      break;
  }
  if (got.denial) {
    next = co_await refuse(c, ex, *got.denial);
    co_return nullptr;
  }
  // What another policy may refuse by now was not let through by that one.
  if (got.made || ex.granted->look(c.shard.policy))
    record_admission(c, ex);
  if (!got.made) {
    next = co_await fault(c, ex, got.error);
    co_return nullptr;
  }
  co_return std::move(got.made);
}

} // namespace proxy
