#include "actors/admin/probe.hpp"

#include "actors/admin/health.hpp"
#include "actors/loop/task/ask_all.hpp"

namespace proxy::admin {

namespace {

/// What the CA is asked to vouch for, to see whether it can. No client can mean it: RFC 6761 §6.4.
constexpr std::string_view nobody = "health.invalid";

/// Asks all at once, for as long as one of them may take.
task<findings> find_out(admin_session& c, bool asks_ca) {
  findings out;
  out.ca = c.shard.policy->ca;
  questions all{&c, c.wakes};
  std::vector<std::shared_ptr<caf::expected<worker_beat>>> beats;
  for (const auto& worker : c.shard.peers)
    beats.push_back(all.template ask<worker_beat>(worker, atom::beat_v));
  auto in_force = all.template ask<snapshot_ptr>(c.shard.store, atom::current_v);
  auto live = all.template ask<bool>(c.shard.supervisor, atom::beat_v);
  std::shared_ptr<caf::expected<tls::leaf_ptr>> leaf;
  if (asks_ca && out.ca)
    leaf = all.template ask<tls::leaf_ptr>(c.shard.ca, atom::mint_v, out.ca, *host::parse(nobody));
  co_await all.wait_until(c.in(probe_patience));
  for (const auto& each : beats)
    out.workers.push_back(std::move(*each));
  out.in_force = std::move(*in_force);
  out.all_watched_live = std::move(*live);
  if (leaf)
    out.leaf = std::move(*leaf);
  out.now = c.shard.loop.on().clock.wall();
  co_return out;
}

/// What comes behind the probe's own name; nullopt for all of its checks.
std::optional<std::string_view> part_of(std::string_view path) noexcept {
  auto slash = path.find('/', 1);
  return slash == std::string_view::npos ? std::nullopt : std::optional{path.substr(slash + 1)};
}

reply tell(const std::vector<check>& all, const request& req) {
  reply out;
  out.status = all_ok(all) ? 200 : 503;
  if (out.status != 200)
    out.cause = brief_text(all);
  auto verbose = req.query.find("verbose");
  if (verbose == "json") {
    out.body = health_json(all);
    return out;
  }
  out.content_type = "text/plain";
  out.body = verbose ? verbose_text(all) : brief_text(all);
  return out;
}

} // namespace

task<reply> answer_probe(admin_session& c, const request& req, const std::string&) {
  auto kind = *probe_of(req.path);
  auto part = part_of(req.path);
  auto one = part ? check_named(*part, kind) : std::nullopt;
  if (part && !one)
    co_return error_reply(404, "no such check");
  auto asks_ca = one ? *one == check_name::ca : belongs_to(check_name::ca, kind);
  auto found = co_await find_out(c, asks_ca);
  co_return tell(one ? std::vector{judge(*one, found)} : judge_all(kind, found), req);
}

} // namespace proxy::admin
