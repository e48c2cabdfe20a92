#include "actors/admin/health.hpp"

#include <algorithm>

#include "actors/observe/json_string.hpp"

namespace proxy::admin {

namespace {

/// What each check is called, and whose it is.
struct row {
  check_name name;
  std::string_view text;
  bool live, ready;
};

constexpr row rows[] = {
  {check_name::loops, "loops", true, true},
  {check_name::policy_store, "policy_store", true, false},
  {check_name::supervisor, "supervisor", true, false},
  {check_name::listeners, "listeners", false, true},
  {check_name::policy, "policy", false, true},
  {check_name::ca, "ca", false, true},
  {check_name::shutdown, "shutdown", false, true},
};

constexpr bool is_of(const row& r, probe_kind of) noexcept {
  return (r.live && of != probe_kind::ready) || (r.ready && of != probe_kind::live);
}

const row& row_of(check_name name) noexcept { return rows[static_cast<size_t>(name)]; }

std::string out_of(uint64_t some, uint64_t all) {
  return std::to_string(some) + " of " + std::to_string(all);
}

check judge_loops(const findings& found) {
  auto beats = std::count_if(found.workers.begin(), found.workers.end(),
                             [](const auto& each) { return static_cast<bool>(each); });
  auto all = found.workers.size();
  return {check_name::loops, all > 0 && static_cast<size_t>(beats) == all,
          out_of(static_cast<uint64_t>(beats), all) + " answer"};
}

check judge_store(const findings& found) {
  if (!found.in_force)
    return {check_name::policy_store, false, "no answer"};
  return {check_name::policy_store, true, "answers"};
}

check judge_supervisor(const findings& found) {
  if (!found.all_watched_live)
    return {check_name::supervisor, false, "no answer"};
  if (!*found.all_watched_live)
    return {check_name::supervisor, false, "a part is lost"};
  return {check_name::supervisor, true, "no part is lost"};
}

/// What is on each worker that answers; the others fail the check of the loops.
check judge_listeners(const findings& found) {
  uint64_t open = 0, wanted = 0;
  for (const auto& each : found.workers)
    if (each) {
      open += each->listeners;
      wanted += each->wanted;
    }
  if (wanted == 0)
    return {check_name::listeners, false, "the policy has none"};
  return {check_name::listeners, open == wanted, out_of(open, wanted) + " open"};
}

check judge_policy(const findings& found) {
  uint64_t serve = 0, answer = 0, generation = 0;
  for (const auto& each : found.workers)
    if (each) {
      ++answer;
      serve += each->generation > 0;
      generation = std::max(generation, each->generation);
    }
  if (answer == 0 || serve < answer)
    return {check_name::policy, false, out_of(serve, answer) + " workers have one"};
  return {check_name::policy, true, "generation " + std::to_string(generation)};
}

check judge_ca(const findings& found) {
  if (!found.ca)
    return {check_name::ca, true, "interception is off"};
  if (found.now > found.ca->valid_until())
    return {check_name::ca, false, "its time is over"};
  if (found.now < found.ca->valid_from())
    return {check_name::ca, false, "its time has not come"};
  if (!found.leaf)
    return {check_name::ca, false,
            code_of(found.leaf.error()) == errc::cancelled ? "no answer" : "cannot sign"};
  return {check_name::ca, true, "signs"};
}

check judge_shutdown(const findings& found) {
  auto drains = std::any_of(found.workers.begin(), found.workers.end(),
                            [](const auto& each) { return each && each->draining; });
  return {check_name::shutdown, !drains, drains ? "the proxy is ending" : "not begun"};
}

} // namespace

std::optional<probe_kind> probe_of(std::string_view path) noexcept {
  auto name = path.substr(0, path.find('/', 1));
  if (name == "/livez")
    return probe_kind::live;
  if (name == "/readyz")
    return probe_kind::ready;
  if (name == "/healthz")
    return probe_kind::all;
  return std::nullopt;
}

std::string_view to_string(check_name name) noexcept { return row_of(name).text; }

bool belongs_to(check_name name, probe_kind of) noexcept { return is_of(row_of(name), of); }

std::optional<check_name> check_named(std::string_view name, probe_kind of) noexcept {
  for (const auto& each : rows)
    if (each.text == name && is_of(each, of))
      return each.name;
  return std::nullopt;
}

check judge(check_name name, const findings& found) {
  switch (name) {
    case check_name::loops: return judge_loops(found);
    case check_name::policy_store: return judge_store(found);
    case check_name::supervisor: return judge_supervisor(found);
    case check_name::listeners: return judge_listeners(found);
    case check_name::policy: return judge_policy(found);
    case check_name::ca: return judge_ca(found);
    case check_name::shutdown: return judge_shutdown(found);
  }
  return {name, false, ""}; // not reached: the switch is whole
}

std::vector<check> judge_all(probe_kind of, const findings& found) {
  std::vector<check> out;
  for (const auto& each : rows)
    if (is_of(each, of))
      out.push_back(judge(each.name, found));
  return out;
}

bool all_ok(const std::vector<check>& all) noexcept {
  return std::all_of(all.begin(), all.end(), [](const check& each) { return each.ok; });
}

std::string brief_text(const std::vector<check>& all) {
  if (all_ok(all))
    return "ok";
  std::string out = "failed:";
  for (const auto& each : all)
    if (!each.ok) {
      out += out.ends_with(':') ? " " : ", ";
      out += to_string(each.name);
    }
  return out;
}

std::string verbose_text(const std::vector<check>& all) {
  std::string out;
  for (const auto& each : all) {
    out += each.ok ? "[+]" : "[-]";
    out += to_string(each.name);
    out += each.ok ? " ok: " : " failed: ";
    out += each.detail + '\n';
  }
  return out;
}

std::string health_json(const std::vector<check>& all) {
  std::string out =
    all_ok(all) ? R"({"status":"ok","checks":[)" : R"({"status":"failed","checks":[)";
  for (const auto& each : all) {
    if (&each != &all.front())
      out += ',';
    out += "{\"name\":\"";
    out += to_string(each.name);
    out += each.ok ? R"(","ok":true,"detail":)" : R"(","ok":false,"detail":)";
    append_json_string(out, each.detail);
    out += '}';
  }
  return out + "]}";
}

} // namespace proxy::admin
