#include "actors/admin/routes.hpp"

#include "actors/admin/explain.hpp"
#include "actors/admin/json.hpp"
#include "actors/admin/probe.hpp"
#include "actors/loop/task/ask.hpp"
#include "actors/observe/metrics.hpp"
#include "actors/serve/core/process_metrics.hpp"

namespace proxy::admin {

namespace {

/// How long a shard may take to answer.
constexpr std::chrono::seconds patience{10};

constexpr uint64_t most_listed = 100'000;

reply ok(std::string body) {
  reply out;
  out.body = std::move(body);
  return out;
}

reply no_answer() { return error_reply(503, "the proxy is busy or ending"); }

/// Why a change has no outcome: the store did not get to it in time, or is no more.
reply no_outcome(const caf::error& why) {
  return code_of(why) == errc::cancelled
           ? no_answer()
           : error_reply(503, "the policy store is lost: the proxy ends");
}

task<reply> health(admin_session&, const request&, const std::string&) {
  auto out = ok("ok");
  out.content_type = "text/plain";
  co_return out;
}

task<reply> show_config(admin_session& c, const request&, const std::string&) {
  co_return ok(config::to_json(c.shard.config()));
}

/// The certificate that clients of intercepted connections have to trust.
task<reply> show_ca(admin_session& c, const request&, const std::string&) {
  if (!c.shard.policy->ca)
    co_return error_reply(404, "interception is off: there is no CA");
  auto out = ok(c.shard.policy->ca->pem());
  out.content_type = "application/x-pem-file";
  co_return out;
}

task<reply> patterns(admin_session& c, const request&, const std::string&) {
  co_return ok(patterns_json(c.shard.config()));
}

task<reply> blocked(admin_session& c, const request& req, const std::string&) {
  auto since = req.query.number("since", 0, UINT64_MAX);
  auto limit = req.query.number("limit", 200, UINT64_MAX);
  if (!since || !limit)
    co_return error_reply(400, context_of(since ? limit.error() : since.error()));
  blocked_range range{std::nullopt, *limit, c.shard.process->next_blocked_id.load()};
  if (req.query.find("since"))
    range.since = *since;
  blocked_page all;
  for (size_t i = 0; i < c.shard.peers.size(); ++i) {
    auto page =
      co_await ask<blocked_page>(&c, c.wakes, c.in(patience), c.shard.peers[i], atom::blocked_v);
    if (!page)
      co_return no_answer();
    all.total += page->total;
    std::move(page->entries.begin(), page->entries.end(), std::back_inserter(all.entries));
  }
  co_return ok(blocked_json(std::move(all), range));
}

task<reply> connections(admin_session& c, const request& req, const std::string&) {
  auto limit = req.query.number("limit", 1000, most_listed);
  if (!limit)
    co_return error_reply(400, context_of(limit.error()));
  std::vector<connection_info> all;
  for (size_t i = 0; i < c.shard.peers.size(); ++i) {
    auto some = co_await ask<std::vector<connection_info>>(&c, c.wakes, c.in(patience),
                                                           c.shard.peers[i], atom::describe_v);
    if (!some)
      co_return no_answer();
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
  co_return ok(connections_json(std::move(all), *limit));
}

task<reply> show_metrics(admin_session& c, const request&, const std::string&) {
  auto sum = process_metrics(*c.shard.process);
  for (size_t i = 0; i < c.shard.peers.size(); ++i) {
    auto one =
      co_await ask<shard_counters>(&c, c.wakes, c.in(patience), c.shard.peers[i], atom::count_v);
    if (!one)
      co_return no_answer();
    add(sum.counters, *one);
  }
  sum.generation = c.shard.policy->generation;
  auto out = ok(metrics_text(sum));
  out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return out;
}

task<reply> reload(admin_session& c, const request&, const std::string&) {
  auto outcome = co_await ask<reload_outcome>(&c, c.wakes, c.in(change_answer_patience),
                                              c.shard.store, atom::reload_v);
  if (!outcome)
    co_return no_outcome(outcome.error());
  auto out =
    ok(outcome->report ? reloaded_json(*outcome->report) : refused_json(outcome->problems));
  out.status = outcome->report ? 200 : 422;
  co_return out;
}

task<reply> set_mode(admin_session& c, const request&, const std::string& body) {
  if (body.empty())
    co_return error_reply(400, "missing body");
  auto mode = parse_mode(body);
  if (!mode)
    co_return error_reply(400, context_of(mode.error()));
  auto deadline = c.in(change_answer_patience);
  caf::expected<reload_outcome> outcome{reload_outcome{}};
  if (auto to = *mode)
    outcome =
      co_await ask<reload_outcome>(&c, c.wakes, deadline, c.shard.store, atom::set_mode_v, *to);
  else
    outcome = co_await ask<reload_outcome>(&c, c.wakes, deadline, c.shard.store, atom::lift_mode_v);
  if (!outcome)
    co_return no_outcome(outcome.error());
  if (!outcome->report) {
    auto out = ok(refused_json(outcome->problems));
    out.status = 422;
    co_return out;
  }
  co_return ok(*mode ? mode_json(**mode) : lifted_json(c.shard.config().mode));
}

task<reply> show_explanation(admin_session& c, const request& req, const std::string&) {
  question q;
  q.address = req.query.find("url").value_or("");
  q.method = req.query.find("method").value_or("GET");
  q.headers = req.query.all("header");
  if (q.address.empty())
    co_return error_reply(400, "missing url");
  if (auto name = req.query.find("protocol")) {
    q.protocol = protocol_named(*name);
    if (!q.protocol)
      co_return error_reply(
        400, "unknown protocol: expected http, https_connect, socks5_tcp or socks5_udp");
  }
  auto what = parse_question(q);
  if (!what)
    co_return ok(to_json(explain_fault(*c.shard.policy->rules, q, what.error())));
  caf::expected<dns_answer> found{dns_answer{}};
  auto name = name_to_resolve(*c.shard.policy, *what);
  if (!name.empty()) {
    auto deadline = c.in(c.timeouts().dns + std::chrono::seconds{1});
    auto answer =
      co_await ask<dns_answer>(&c, c.wakes, deadline, c.shard.resolver, atom::resolve_v, name);
    if (answer)
      found = std::move(*answer);
    else if (code_of(answer.error()) == errc::cancelled)
      found = caf::make_error(errc::dns_timeout, name);
    else
      found = std::move(answer.error());
  }
  co_return ok(to_json(explain(*c.shard.policy, *what, found, c.shard.loop.on().clock)));
}

constexpr route all_routes[] = {
  {"/health", false, health},
  {"/config", false, show_config},
  {"/patterns", false, patterns},
  {"/ca.pem", false, show_ca},
  {"/blocked", false, blocked},
  {"/connections", false, connections},
  {"/metrics", false, show_metrics},
  {"/explain", false, show_explanation},
  {"/mode", true, set_mode},
  {"/reload", true, reload},
  {"/livez", false, answer_probe, true},
  {"/readyz", false, answer_probe, true},
  {"/healthz", false, answer_probe, true},
};

} // namespace

std::span<const route> routes() noexcept { return all_routes; }

reply error_reply(uint16_t status, std::string_view what) {
  reply out;
  out.status = status;
  out.body = error_json(what);
  return out;
}

} // namespace proxy::admin
